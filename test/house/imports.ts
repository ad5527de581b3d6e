// Reads the imports out of a source text and holds them against the table in rooms.ts. Pure: text in, complaints out.
import { posix } from 'node:path'
import { DOORS, ROOMS, roomOf } from './rooms.ts'

/** What stands for an import whose name only running the code would tell. */
export const COMPUTED = '<computed>'

/** Every specifier that is imported, exported from, imported dynamically or as a type, or required. */
export function importsOf(text: string): readonly string[] {
  // Comment lines may quote imports; nothing else in a line can hide one from the patterns below.
  const code = text
    .split('\n')
    .filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line))
    .join('\n')
  const found = [
    ...code.matchAll(/^\s*(?:import|export)\b[^'"`=()]*?\bfrom\s*(['"])(?<name>.+?)\1/gm),
    ...code.matchAll(/^\s*import\s*(['"])(?<name>.+?)\1/gm),
    ...code.matchAll(/\b(?:import|require|require\.resolve)\s*\(\s*(?:(['"`])(?<name>[^'"`$]+?)\1|(?=[^)\s]))/g),
    ...code.matchAll(/\bimport\.meta\.resolve\s*\(\s*(?:(['"`])(?<name>[^'"`$]+?)\1|(?=[^)\s]))/g),
  ]
  return found.map((match) => match.groups?.['name'] ?? COMPUTED)
}

/** The file that a relative import means, from the root of the repository. */
function resolveRelative(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier)
}

const isRelative = (specifier: string): boolean => /^\.{1,2}(?:\/|$)/.test(specifier)

/** What is wrong with the imports of one file; empty when nothing is. */
export function complaintsAbout(path: string, text: string): readonly string[] {
  const room = roomOf(path)
  const rules = room === undefined ? undefined : ROOMS[room]
  if (room === undefined || rules === undefined) return [`${path} stands in no room`]
  return importsOf(text)
    .filter((specifier) => !isAllowed(path, room, rules.may, specifier))
    .map((specifier) => `${path} (${room}) may not import ${specifier}`)
}

function isAllowed(path: string, room: string, may: readonly string[], specifier: string): boolean {
  if (isRelative(specifier)) {
    const target = resolveRelative(path, specifier)
    // Another package is entered by its door alone.
    if (target.split('/')[0] !== path.split('/')[0]) return false
    const there = roomOf(target)
    return there !== undefined && (there === room || may.includes(there))
  }
  if (specifier.startsWith('@latchkey/')) {
    const door = DOORS[specifier]
    return door !== undefined && door !== room && may.includes(door)
  }
  if (specifier.startsWith('node:')) return may.includes('node:*') || may.includes(specifier)
  const [scope = '', name = ''] = specifier.split('/')
  if (!scope.startsWith('@')) return may.includes(scope) && !(scope in ROOMS)
  return may.includes(`${scope}/${name}`) || may.includes(`${scope}/*`)
}

/** One ring of files that import each other, type imports included; undefined when there is none. */
export function findCycle(files: ReadonlyMap<string, string>): readonly string[] | undefined {
  const finished = new Set<string>()
  const trail: string[] = []
  const visit = (path: string): readonly string[] | undefined => {
    if (finished.has(path)) return undefined
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
    trail.push(path)
    for (const specifier of importsOf(files.get(path) ?? '').filter(isRelative)) {
      const cycle = visit(resolveRelative(path, specifier))
      if (cycle) return cycle
    }
    trail.pop()
    finished.add(path)
    return undefined
  }
  for (const path of files.keys()) {
    const cycle = visit(path)
    if (cycle) return cycle
  }
  return undefined
}

/** Whether a file opens with a comment in words, a `#!` line aside. */
export function opensWithComment(text: string): boolean {
  const [first = ''] = text.split('\n').filter((line, at) => line.trim() !== '' && !(at === 0 && line.startsWith('#!')))
  return /^(?:\/\/(?!\/)|\/\*\*)(?!\s*(?:biome-|@ts-))/.test(first) && (/\w{3}.*\w{3}/.test(first) || first === '/**')
}
