// The files that pages load, named after their contents so that they can be cached for ever.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** A file served under the pages' base path; `path` starts with a slash and changes whenever `body` does. */
export interface Asset {
  readonly path: string
  /** Media type. */
  readonly type: string
  readonly body: string | Uint8Array
}

const TYPES = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
} as const

/** An asset of its own: `name` and what is in it make its address. */
export function named(name: string, extension: keyof typeof TYPES, body: string | Uint8Array): Asset {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 12)
  return { path: `/assets/${name}.${hash}.${extension}`, type: TYPES[extension], body }
}

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

export const STYLESHEET: Asset = named('style', 'css', read('./style.css'))

/** For the pages of the account, on top of the other. */
export const ACCOUNT_STYLESHEET: Asset = named('account', 'css', read('./account.css'))

/** The key mark as the tab's icon (image/svg+xml). */
export const MARK: Asset = named(
  'mark',
  'svg',
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#0f5c4c"/><g fill="none" stroke="#fff" stroke-width="2.25" stroke-linecap="round" stroke-linejoin="round"><circle cx="11.5" cy="16" r="4"/><path d="M15.5 16H25M20.5 16v3M25 16v4"/></g></svg>`,
)

/** What improves a page that works without: browser/ as the build bundles it. */
const SCRIPT_NAMES = ['live', 'steady', 'passkey', 'handy'] as const
export type ScriptName = (typeof SCRIPT_NAMES)[number]

export const SCRIPTS = Object.fromEntries(
  SCRIPT_NAMES.map((name) => [name, named(name, 'js', read(`../dist/browser/${name}.js`))]),
) as Readonly<Record<ScriptName, Asset>>

/** All there is to serve. */
export const ASSETS: readonly Asset[] = [STYLESHEET, ACCOUNT_STYLESHEET, MARK, ...Object.values(SCRIPTS)]
