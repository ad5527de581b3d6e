// What the doctor can say of one thing, and what its looks at the world are made of. The looks themselves are
// doctor-device.ts and doctor-server.ts; who asks and prints is doctor.ts.
import type { Host } from '@latchkey/shared'
import type { Fetch } from '../core/exchange.ts'
import type { Sockets } from '../core/sockets.ts'
import type { FileSystem } from './file-system.ts'

export type Check = 'node' | 'state' | 'link' | 'key' | 'proxy' | 'dns' | 'tcp' | 'tls' | 'server' | 'push' | 'clock'

export interface Finding {
  readonly check: Check
  /** `warn`: the agent works, but not as well as it could. */
  readonly level: 'ok' | 'warn' | 'fail'
  /** One sentence. */
  readonly says: string
  /** What a person does about it. */
  readonly mend?: string
  /** Of a failure: 6 when nothing is wrong but that the server cannot be reached, else 1. */
  readonly exitCode?: 1 | 6
}

/** Everything that the doctor learns from outside. What rejects does so as Node has it, with a `code`. */
export interface Probes {
  readonly host: Pick<Host, 'clock' | 'sleep'>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly nodeVersion: string
  readonly uid: number | undefined
  readonly files: FileSystem
  /** Bytes that this user may still write there. */
  freeBytes(path: string): Promise<number>
  /** Whether a time server is followed; undefined where nobody knows. */
  isSynchronised(): Promise<boolean | undefined>
  /** The addresses of a name. */
  lookUp(name: string): Promise<readonly string[]>
  connect(name: string, port: number): Promise<void>
  /** A TLS handshake in which everything is checked. */
  shakeHands(name: string, port: number): Promise<void>
  readonly fetch: Fetch
  readonly sockets: Sockets
}

export function ok(check: Check, says: string): Finding {
  return { check, level: 'ok', says }
}

export function warn(check: Check, says: string, mend: string): Finding {
  return { check, level: 'warn', says, mend }
}

export function fail(check: Check, says: string, mend: string, exitCode: 1 | 6 = 1): Finding {
  return { check, level: 'fail', says, mend, exitCode }
}
