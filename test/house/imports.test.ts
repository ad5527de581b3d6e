// The house keeps its own rules: who may import whom, no rings, and every file says what it owns.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { COMPUTED, complaintsAbout, findCycle, importsOf, opensWithComment } from './imports.ts'
import { DOORS, ROOMS, roomOf } from './rooms.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const PACKAGES = ['shared', 'verifier-web', 'server', 'device-agent']

const sources = new Map(
  PACKAGES.flatMap((name) =>
    readdirSync(`${root}/${name}/src`, { recursive: true, encoding: 'utf8' })
      .map((path) => `${name}/src/${path.replaceAll('\\', '/')}`)
      .filter((path) => /\.[cm]?[jt]sx?$/.test(path))
      .map((path) => [path, readFileSync(`${root}/${path}`, 'utf8')] as const),
  ),
)

describe('the sources', () => {
  it('are all there to be looked at', () => {
    for (const name of PACKAGES) expect([...sources.keys()].some((path) => path.startsWith(`${name}/src/`))).toBe(true)
  })

  it('import only what the table allows, and nobody imports test', () => {
    expect([...sources].flatMap(([path, text]) => complaintsAbout(path, text))).toEqual([])
  })

  it('have no ring of imports', () => {
    expect(findCycle(sources)).toBeUndefined()
  })

  it('open with a comment that says what they own', () => {
    expect([...sources].filter(([, text]) => !opensWithComment(text)).map(([path]) => path)).toEqual([])
  })
})

describe('the table', () => {
  it('names only rooms that exist, and its doors are the exports of the packages', () => {
    for (const { may } of Object.values(ROOMS)) expect(new Set(may).size).toBe(may.length)
    for (const room of Object.values(DOORS)) expect(Object.keys(ROOMS)).toContain(room)
    for (const name of PACKAGES) {
      const { exports } = JSON.parse(readFileSync(`${root}/${name}/package.json`, 'utf8')) as {
        exports: Record<string, { '@latchkey/source': string }>
      }
      for (const [subpath, { '@latchkey/source': source }] of Object.entries(exports)) {
        const room = DOORS[`@latchkey/${name}${subpath.slice(1)}`]
        expect(room, `${name} ${subpath}`).toBe(roomOf(`${name}/${source.replace('./', '')}`))
      }
    }
  })

  it('puts a file into the most specific room', () => {
    expect(roomOf('shared/src/dpop.ts')).toBe('shared')
    expect(roomOf('shared/src/resource-server-fastify.ts')).toBe('shared/fastify')
    expect(roomOf('verifier-web/src/browser/passkey.ts')).toBe('verifier-web/browser')
    expect(roomOf('server/src/main.ts')).toBe('server')
    expect(roomOf('server/src/oauth/grants/index.ts')).toBe('oauth')
    expect(roomOf('server/src/oauthish/x.ts')).toBeUndefined()
    expect(roomOf('server/src/helpers.ts')).toBeUndefined()
    expect(roomOf('test/house/rooms.ts')).toBeUndefined()
  })

  it.each([
    ['shared/src/pkce.ts', "import { randomBytes } from 'node:crypto'"],
    ['shared/src/index.ts', "export * from './resource-server-fastify.ts'"],
    ['shared/src/dpop.ts', "import { x } from '@latchkey/shared'"],
    ['verifier-web/src/layout.tsx', "import { createServer } from 'node:http'"],
    ['verifier-web/src/layout.tsx', "import { App } from '@latchkey/server'"],
    ['verifier-web/src/browser/passkey.ts', "import { readFileSync } from 'node:fs'"],
    ['server/src/oauth/issuer.ts', "import type { FastifyRequest } from 'fastify'"],
    ['server/src/oauth/issuer.ts', "import { users } from '../accounts/users.ts'"],
    ['server/src/oauth/issuer.ts', "import { a } from '../storage/sql-store.ts'"],
    ['server/src/accounts/users.ts', "import { a } from '../fleet/devices.ts'"],
    ['server/src/storage/sql-store.ts', "import { a } from '../http/token.ts'"],
    ['server/src/storage/sql-store.ts', "import argon2 from '@node-rs/argon2'"],
    ['server/src/http/token.ts', "import Database from 'better-sqlite3'"],
    ['server/src/http/token.ts', "import { a } from '../main.ts'"],
    ['server/src/http/token.ts', "import { a } from '@latchkey/device-agent'"],
    ['server/src/http/token.ts', "import { a } from '../../../shared/src/host.ts'"],
    ['server/src/http/token.ts', "import { a } from '../../../test/support/fake-host.ts'"],
    ['server/src/http/token.ts', "import { a } from '@latchkey/test'"],
    ['server/src/http/token.ts', "import { a } from 'oauth'"],
    ['server/src/http/token.ts', "import { a } from '@latchkey/shared/src/host.ts'"],
    ['server/src/main.ts', "const agent = await import('@latchkey/device-agent')"],
    ['device-agent/src/core/agent.ts', "import { setTimeout } from 'node:timers/promises'"],
    ['device-agent/src/core/agent.ts', "import { save } from '../node/disk.ts'"],
    ['device-agent/src/browser/keys.ts', "import { save } from '../node/disk.ts'"],
    ['device-agent/src/node/disk.ts', "import { Command } from 'commander'"],
    ['device-agent/src/main.ts', "import { serve } from '@latchkey/server'"],
    ['server/src/http/token.ts', 'const module = await import(name)'],
    ['server/src/drawer/x.ts', "import { a } from './y.ts'"],
  ])('catches in %s: %s', (path, line) => {
    expect(complaintsAbout(path, `// A room.\n${line}\n`)).toHaveLength(1)
  })

  it.each([
    ['shared/src/dpop.ts', "import { SignJWT } from 'jose'\nimport { a } from './host.ts'"],
    ['verifier-web/src/pages/link.tsx', "import { renderToString } from 'preact-render-to-string'"],
    ['server/src/oauth/grants/device-code.ts', "import { Type } from 'typebox'\nimport { V } from 'typebox/value'"],
    ['server/src/storage/migrations/0001-x.ts', "import type { Kysely } from 'kysely'"],
    ['server/src/http/page-scope.ts', "import cookie from '@fastify/cookie'\nimport { a } from '../oauth/errors.ts'"],
    ['server/src/demo/demo.ts', "import { a } from '../app.ts'\nimport { b } from '@latchkey/device-agent'"],
    ['device-agent/src/node/disk.ts', "import { open } from 'node:fs/promises'\nimport { a } from '../core/agent.ts'"],
  ])('allows in %s: %s', (path, lines) => {
    expect(complaintsAbout(path, lines)).toEqual([])
  })
})

describe('the reader', () => {
  it('finds every way to import', () => {
    const text = `
import a, { type B } from 'one'
import type { C } from "two"
import * as d from './three.ts'
import {
  e,
  f as g,
} from 'four'
import 'five'
export { h } from 'six'
export type * from 'seven'
export * as i from 'eight'
const j = await import('nine')
type K = import('ten').K
const l = require("eleven")
let m: Array<typeof import('twelve')>
const n = await import(\`thirteen\`)
const o = import.meta.resolve('fourteen')
import json from './fifteen.json' with { type: 'json' }
`
    const expected = ['one', 'two', './three.ts', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven']
    const more = ['twelve', 'thirteen', 'fourteen', './fifteen.json']
    expect([...importsOf(text)].sort()).toEqual([...expected, ...more].sort())
  })

  it('marks an import whose name is computed', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source text of a template
    expect(importsOf('await import(`./${name}.ts`); require(name)')).toEqual([COMPUTED, COMPUTED])
  })

  it('is not misled by comments, exports and prose', () => {
    const text = `// import { a } from 'x'
/**
 * import { b } from 'y'
 * await import('z')
 */
export const from = 'a'
export function take(value = 'from') { return value + " from 'w'" }
export type Origin = 'from' | 'to'
const url = import.meta.url
`
    expect(importsOf(text)).toEqual([])
  })

  it('finds a ring, even one of types', () => {
    const files = new Map([
      ['a/x.ts', "import { y } from './y.ts'"],
      ['a/y.ts', "import type { Z } from '../b/z.ts'"],
      ['b/z.ts', "export * from '../a/x.ts'"],
    ])
    expect(findCycle(files)).toEqual(['a/x.ts', 'a/y.ts', 'b/z.ts', 'a/x.ts'])
    files.set('b/z.ts', "import { jose } from 'jose'")
    expect(findCycle(files)).toBeUndefined()
  })

  it('knows an opening comment', () => {
    for (const text of [
      '// What this owns.',
      '\n/** What this owns. */',
      '/**\n * What',
      '#!/usr/bin/env node\n// Why it exists.',
    ]) {
      expect(opensWithComment(text)).toBe(true)
    }
    for (const text of [
      '',
      'export {}',
      '#!/usr/bin/env node\nexport {}',
      '/// <reference a b />',
      '// biome-ignore x y',
      '//',
    ]) {
      expect(opensWithComment(text)).toBe(false)
    }
  })
})
