// How the pages look: themes, their files read and their colours measured, and the links at the foot. A theme that
// people could not read, or a logo that does more than draw, keeps the server from starting.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { keyProblems, keyStylesheet, readLogo, type Theme } from '@latchkey/verifier-web'
import { readingProblem } from './config-file.ts'
import type { RawConfig } from './config-schema.ts'

type RawTheme = NonNullable<RawConfig['theme']>

export interface Themes {
  readonly theme?: Theme
  /** By client_id. What a client's own does not say is said by the theme of all pages. */
  readonly clientThemes: ReadonlyMap<string, Theme>
}

/** `folder` is where the paths of logos begin. Problems are added, each with its path. */
export function readThemes(raw: RawConfig, folder: string, problems: string[]): Themes {
  const theme = raw.theme && readTheme(raw.theme, 'theme', folder, problems)
  const clientThemes = new Map<string, Theme>()
  for (const [index, client] of raw.clients.entries()) {
    if (client.theme === undefined) continue
    const own = readTheme(client.theme, `clients[${index}].theme`, folder, problems)
    clientThemes.set(client.client_id, { ...theme, ...own })
  }
  return { ...(theme === undefined ? {} : { theme }), clientThemes }
}

function readTheme({ name, logo: file, key }: RawTheme, path: string, folder: string, problems: string[]): Theme {
  const colours = key === undefined ? [] : keyProblems(key)
  problems.push(...colours.map((problem) => `${path}.key.${problem}`))
  const read = file === undefined ? undefined : logoFrom(resolve(folder, file))
  if (read !== undefined && 'problem' in read) problems.push(`${path}.logo: ${file}: ${read.problem}`)
  return {
    ...(name === undefined ? {} : { name }),
    ...(read !== undefined && 'logo' in read ? { logo: read.logo } : {}),
    ...(key !== undefined && colours.length === 0 ? { stylesheet: keyStylesheet(key) } : {}),
  }
}

/** Pages that others write may not be watched, nor changed, on their way to a phone. */
export function checkLinks({ links = {} }: RawConfig, problems: string[]): void {
  for (const [name, link] of Object.entries(links)) {
    if (!URL.canParse(link) || new URL(link).protocol !== 'https:') {
      problems.push(`links.${name}: must be an address that begins with https://`)
    }
  }
}

function logoFrom(file: string): ReturnType<typeof readLogo> {
  try {
    return readLogo(readFileSync(file))
  } catch (error) {
    return { problem: readingProblem(error) }
  }
}
