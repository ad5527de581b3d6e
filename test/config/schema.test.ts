// The schema for editors is made from the one that the server checks by. After a change to the configuration:
// npx vitest run --config test/vitest.config.ts test/config -u
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { parseConfig } from '@latchkey/server'
import { describe, expect, it } from 'vitest'
import { formProblems } from '../../server/src/config-form.ts'
import { EDITOR_SCHEMA } from '../../server/src/config-schema.ts'

type Schema = Parameters<typeof formProblems>[0]

const root = new URL('../../', import.meta.url)
const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')

describe('latchkey.schema.json', () => {
  it('is what the server checks by, formatted as the house formats', async () => {
    const input = JSON.stringify(EDITOR_SCHEMA)
    const format = ['format', '--stdin-file-path=server/latchkey.schema.json']
    const text = execFileSync(process.execPath, [biome, ...format], { cwd: root, input, encoding: 'utf8' })
    await expect(text).toMatchFileSnapshot('../../server/latchkey.schema.json')
  })

  it('asks for nothing that has a default, and refuses what the server refuses', () => {
    const fits = (file: unknown) => formProblems(EDITOR_SCHEMA as Schema, file).length === 0
    for (const file of [{}, { $schema: 'x' }, { listen: {} }, { limits: { refresh_idle_days: 1 } }]) {
      expect(fits(file)).toBe(true)
      expect(() => parseConfig(JSON.parse(JSON.stringify(file)), {})).not.toThrow()
    }
    const wrong = [{ isuer: 'x' }, { clients: [{}] }, { apis: [{ resource: 'https://a.example.com' }] }, { name: '' }]
    for (const file of wrong) expect(fits(file)).toBe(false)
  })

  it('says of every setting what it is', () => {
    const settings = (EDITOR_SCHEMA as { properties: Record<string, Record<string, unknown>> }).properties
    const { limits } = settings as { limits: { properties: Record<string, { description?: string }> } }
    for (const [name, { description }] of Object.entries(limits.properties)) {
      expect([name, description]).toEqual([name, expect.any(String)])
    }
  })
})
