// Which tests prove which row of the checklist, read from the titles of the tests, and the page that shows it.
import { CHOSEN_OPTIONS, PROVEN_NOW, type Requirement } from './requirements.ts'

/** Paths of test files, from test/, by the id that a title in them begins with. */
export type Proofs = ReadonlyMap<string, readonly string[]>

// A title is the first argument of `it`, `describe` or of what `it.each` returns, and begins with the ids it proves.
const TITLE = /\(\s*['"`]((?:[A-Z]{2,3}-\d\d\s+)+)/g

/** The ids that titles in `text` begin with, each once. */
export function idsIn(text: string): readonly string[] {
  const titles = [...text.matchAll(TITLE)].flatMap(([, ids = '']) => ids.trim().split(/\s+/))
  return [...new Set(titles)]
}

/** `files` maps paths to texts. */
export function proofsIn(files: ReadonlyMap<string, string>): Proofs {
  const proofs = new Map<string, string[]>()
  for (const [path, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const id of idsIn(text)) proofs.set(id, [...(proofs.get(id) ?? []), path])
  }
  return proofs
}

export type State = 'proven' | 'open' | 'left out'

/** An option that nobody built is left out; everything else is proven or open. */
export function stateOf({ id, optional }: Requirement, proofs: Proofs): State {
  if (proofs.has(id)) return 'proven'
  return optional && !CHOSEN_OPTIONS.includes(id) ? 'left out' : 'open'
}

/** MUST rows of what is built that no test proves. */
export function missing(requirements: readonly Requirement[], proofs: Proofs): readonly string[] {
  return requirements
    .filter(({ level, component }) => level === 'MUST' && PROVEN_NOW.includes(component))
    .filter((requirement) => stateOf(requirement, proofs) === 'open')
    .map(({ id }) => id)
}

/** The page, as Markdown. */
export function standardsPage(requirements: readonly Requirement[], proofs: Proofs): string {
  const components = [...new Set(requirements.map(({ component }) => component))]
  const sections = components.map((component) => {
    const rows = requirements.filter((requirement) => requirement.component === component)
    const proven = rows.filter((row) => stateOf(row, proofs) === 'proven').length
    return `## ${component}

${proven} of ${rows.length} rows are proven.

| id | requirement | source | level | state | tests |
|-|-|-|-|-|-|
${rows.map((row) => line(row, proofs)).join('\n')}
`
  })
  return `${PREFACE}\n${sections.join('\n')}`
}

const PREFACE = `# What Latchkey is held to

Each row is one requirement, where it comes from, and the tests that prove it: a test names the rows it proves in its
title. This page is made from those titles (\`npm run standards\`), and \`npm run check\` fails when it is out of date,
or when a MUST row of a part that is built has no test.

A bare number is an RFC: 8628§3.5 is RFC 8628, section 3.5. 10027 is BCP 247 (cross-device flows), 9700 is BCP 240
(security), 2.1 is the OAuth 2.1 draft, 7523bis a draft too. Core, Disc, RPI and BCL are OpenID Connect Core, Discovery,
RP-Initiated Logout and Back-Channel Logout. WCAG is version 2.2, OWASP its cheat sheets. (?) marks a section that is
cited without having been read for this list.

MUST and SHOULD are asked by the source; OURS is our own choice, or stricter than the source. **proven**: at least one
test fails without it. **open**: not built or not proven yet. **left out**: an option that is not offered.
`

function line(row: Requirement, proofs: Proofs): string {
  const tests = (proofs.get(row.id) ?? []).map((path) => `[${path.replace('.test.ts', '')}](../test/${path})`)
  const level = row.optional ? `${row.level}, optional` : row.level
  return `| ${[row.id, row.words, row.source, level, stateOf(row, proofs), tests.join(', ')].join(' | ')} |`
}
