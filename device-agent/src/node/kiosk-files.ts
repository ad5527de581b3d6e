// The page's own files, read from where the build puts them. A bundle of one file has them inside and passes its own.
import { readFileSync } from 'node:fs'

export interface KioskFiles {
  readonly style: string
  readonly script: string
}

/** Of the last build, even when the agent itself runs from its sources. @throws when nothing was built */
export function builtKioskFiles(): KioskFiles {
  const read = (name: string) => readFileSync(new URL(`../../dist/kiosk/${name}`, import.meta.url), 'utf8')
  return { style: read('page.css'), script: read('browser/page.js') }
}
