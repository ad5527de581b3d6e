// How passwords are kept: argon2id, its parameters in the hash, a few at a time (OWASP Password Storage). Which ones may
// be chosen is password-rules.ts next door.
import { hash, verify } from '@node-rs/argon2'

// @node-rs/argon2 declares its algorithms as a const enum, which a compiler that works file by file cannot read.
const ARGON2ID = 2
const PARAMETERS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
const CURRENT = '$argon2id$v=19$m=19456,t=2,p=1$'

// Each hash takes 19 MiB and 10 ms of a core: a queue in front of them, not a pile.
const AT_ONCE = 2
let running = 0
const waiting: (() => void)[] = []

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running < AT_ONCE) running++
  else await new Promise<void>((resolve) => waiting.push(resolve))
  try {
    return await work()
  } finally {
    // Whoever waits takes this place over: nobody who comes meanwhile slips in between.
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }
}

export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(normalised(password), PARAMETERS))
}

// Two keyboards may send one letter in two ways (NIST SP 800-63B-4 §3.1.1.2).
function normalised(password: string): string {
  return password.normalize('NFKC')
}

// A hash of nobody's password: an unknown account takes as long to refuse as a known one.
let dummy: Promise<string> | undefined

/** False for a wrong password, and for no account at all, after the same work. */
export async function verifyPassword(stored: string | undefined, password: string): Promise<boolean> {
  dummy ??= hashPassword('correct horse battery staple')
  const against = stored ?? (await dummy)
  const fits = await inTurn(() => verify(against, normalised(password)))
  return fits && stored !== undefined
}

export function needsRehash(stored: string): boolean {
  return !stored.startsWith(CURRENT)
}
