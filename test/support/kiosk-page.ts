// The kiosk page as people get it, but of the sources as they are now: served by the real server, its script bundled as
// the build does it.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { openScreen, type Screen } from '../../device-agent/src/kiosk/screen.ts'
import type { ShownRequest } from '../../device-agent/src/kiosk/screen-state.ts'
import type { KioskFiles } from '../../device-agent/src/node/kiosk-files.ts'
import { type KioskOptions, type KioskServer, kioskServer } from '../../device-agent/src/node/kiosk-server.ts'
import { type FakeHost, fakeHost } from './fake-host.ts'

const SOURCES = fileURLToPath(new URL('../../device-agent/src/kiosk/', import.meta.url))

export function kioskFiles(): KioskFiles {
  const { outputFiles } = buildSync({
    entryPoints: [`${SOURCES}browser/page.ts`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2020',
    write: false,
  })
  return { style: readFileSync(`${SOURCES}page.css`, 'utf8'), script: outputFiles[0]?.text ?? '' }
}

export interface ServedKiosk {
  readonly host: FakeHost
  readonly screen: Screen
  readonly server: KioskServer
  /** With a slash at the end. */
  readonly address: string
}

export async function serveKiosk(
  options: Partial<KioskOptions> & { readonly files: KioskFiles },
): Promise<ServedKiosk> {
  const host = fakeHost()
  const screen = openScreen(host.clock)
  const server = kioskServer({ screen, machine: host, port: 0, ...options })
  return { host, screen, server, address: await server.start() }
}

/** A code that was just given out, good for `seconds`. */
export function shownRequest(
  host: FakeHost,
  change: Partial<ShownRequest> & { readonly seconds?: number } = {},
): ShownRequest {
  const { seconds = 600, ...rest } = change
  return {
    userCode: 'WDJB-MJHT',
    verificationUri: 'https://id.northwind.example/link',
    verificationUriComplete: 'https://id.northwind.example/link?user_code=WDJB-MJHT',
    expiresAtMonotonic: host.clock.monotonic() + seconds * 1000,
    number: undefined,
    ...rest,
  }
}
