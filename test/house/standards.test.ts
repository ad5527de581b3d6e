// The checklist and the tests agree: no row that binds is without proof, and the page about it is up to date.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { expectKeptCopy } from '../support/kept-copy.ts'
import { CHOSEN_OPTIONS, PROVEN_NOW, REQUIREMENTS, type Requirement, STILL_OPEN } from './requirements.ts'
import { idsIn, missing, proofsIn, standardsPage, stateOf } from './standards.ts'

const tests = fileURLToPath(new URL('..', import.meta.url))
const proofs = proofsIn(
  new Map(
    readdirSync(tests, { recursive: true, encoding: 'utf8' })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => path.endsWith('.ts') && !/^(node_modules|house)\//.test(path))
      .map((path) => [path, readFileSync(`${tests}/${path}`, 'utf8')] as const),
  ),
)
const ids = REQUIREMENTS.map(({ id }) => id)

describe('the checklist', () => {
  it('has every row once', () => {
    expect(ids).toHaveLength(220)
    expect(new Set(ids).size).toBe(220)
    for (const component of PROVEN_NOW) expect(REQUIREMENTS.some((row) => row.component === component)).toBe(true)
    for (const id of [...CHOSEN_OPTIONS, ...STILL_OPEN]) expect(ids).toContain(id)
  })

  it('is the only source of ids: no test claims to prove a row that is not there', () => {
    expect([...proofs].filter(([id]) => !ids.includes(id))).toEqual([])
  })

  it('has a test for every MUST of what is built', () => {
    const open = missing(REQUIREMENTS, proofs)
    expect(
      open.filter((id) => !STILL_OPEN.includes(id)),
      'MUST rows without a test',
    ).toEqual([])
    expect(
      STILL_OPEN.filter((id) => !open.includes(id)),
      'proven by now: take them off the list',
    ).toEqual([])
  })

  it('is shown in docs/standards.md as it is', () => {
    expectKeptCopy('docs/standards.md', standardsPage(REQUIREMENTS, proofs))
  })
})

describe('the reader of titles', () => {
  it('takes the ids that a title begins with, however the test is written', () => {
    const text = `
      it('AA-01 BB-02 does something about CC-03', () => {})
      it.each([1, 2])(
        "DD-04 %s", () => {})
      describe(\`EE-05 all of it\`, () => {})
      const note = 'FF-06 is a word here'
      it('once more: GG-07', () => {})
      it('AA-01 again', () => {})
    `
    expect(idsIn(text)).toEqual(['AA-01', 'BB-02', 'DD-04', 'EE-05'])
  })

  it('knows which row is proven, open, or left out', () => {
    const row = (id: string, more: Partial<Requirement> = {}): Requirement => ({
      ...{ id, component: PROVEN_NOW[0] ?? '', level: 'MUST', optional: false, source: '1', words: 'w' },
      ...more,
    })
    const rows = [
      row('AA-01'),
      row('AA-02'),
      row('AA-03', { optional: true }),
      row('AA-04', { level: 'SHOULD' }),
      row('AA-05', { component: 'elsewhere' }),
      row(CHOSEN_OPTIONS[0] ?? '', { optional: true }),
    ]
    const some = proofsIn(new Map([['rfc/1.test.ts', "it('AA-01 holds')"]]))
    expect(rows.map((one) => stateOf(one, some))).toEqual(['proven', 'open', 'left out', 'open', 'open', 'open'])
    expect(missing(rows, some)).toEqual(['AA-02', CHOSEN_OPTIONS[0]])
    expect(standardsPage(rows, some)).toContain('| AA-01 | w | 1 | MUST | proven | [rfc/1](../test/rfc/1.test.ts) |')
  })
})
