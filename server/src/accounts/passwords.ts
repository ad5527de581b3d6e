// Passwords that people choose: argon2id, its parameters in the hash, a few at a time (OWASP Password Storage).
import { hash, verify } from '@node-rs/argon2'

// @node-rs/argon2 declares its algorithms as a const enum, which a compiler that works file by file cannot read.
const ARGON2ID = 2
const PARAMETERS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
const CURRENT = '$argon2id$v=19$m=19456,t=2,p=1$'

/** Shortest password that may stand alone (NIST SP 800-63B-4). */
export const SHORTEST_PASSWORD = 15
/** Longer ones are refused, never cut. In bytes. */
export const LONGEST_PASSWORD_BYTES = 1024

// Each hash takes 19 MiB and 10 ms of a core: a queue in front of them, not a pile.
const AT_ONCE = 2
let running = 0
const waiting: (() => void)[] = []

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
  running++
  try {
    return await work()
  } finally {
    running--
    waiting.shift()?.()
  }
}

export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(password, PARAMETERS))
}

// A hash of nobody's password: an unknown account takes as long to refuse as a known one.
let dummy: Promise<string> | undefined

/** False for a wrong password, and for no account at all, after the same work. */
export async function verifyPassword(stored: string | undefined, password: string): Promise<boolean> {
  dummy ??= hashPassword('correct horse battery staple')
  const against = stored ?? (await dummy)
  const fits = await inTurn(() => verify(against, password))
  return fits && stored !== undefined
}

export function needsRehash(stored: string): boolean {
  return !stored.startsWith(CURRENT)
}

/** Why this password cannot be taken, in words for the person; undefined when it can. */
export function passwordProblem(password: string): string | undefined {
  if (Buffer.byteLength(password) > LONGEST_PASSWORD_BYTES) return 'a password may have at most 1024 bytes'
  if ([...password].length < SHORTEST_PASSWORD) return `a password needs at least ${SHORTEST_PASSWORD} characters`
  return undefined
}
