// Files that open on one machine only: their text under AES-256-GCM, by a secret that systemd decrypts for the service and
// for nobody else (systemd.exec(5), LoadCredentialEncrypted). Where the texts lie is private-folder.ts; sealing what was
// written before there was a secret is sealed-folder.ts.
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentError } from '../core/errors.ts'
import { errorCode } from './file-system.ts'

/** The name under which the secret is in systemd's credentials directory. */
export const SEAL_CREDENTIAL = 'latchkey-agent-key'

const FORMAT = 1
const CIPHER = 'aes-256-gcm'
const SMALLEST_SECRET = 16
/** The seal stands for its own format, so that no later one can be passed off as this. */
const CONTEXT = 'latchkey-agent sealed file 1'

/** What comes between the texts of the agent and the disk. */
export interface Seal {
  /** The text for the disk. */
  close(text: string): Promise<string>
  /**
   * What was closed, and as it is what never was: an older file, or one that is damaged, which its reader finds out.
   *
   * @throws AgentError `storage` when it was sealed, and the secret is not here
   */
  open(text: string, path: string): Promise<string>
}

/** For folders without a secret: nothing is sealed, and nothing sealed is taken for damage. */
export const NO_SEAL: Seal = {
  close: async (text) => text,
  open: async (text, path) => {
    if (readSealed(text)) throw closed(path, 'the secret that opens it is not here')
    return text
  },
}

/** The seal by `$CREDENTIALS_DIRECTORY/latchkey-agent-key`; `NO_SEAL` where systemd gives no such secret. */
export function systemdSeal(env: Readonly<Record<string, string | undefined>>): Seal {
  const directory = env['CREDENTIALS_DIRECTORY']
  if (!directory) return NO_SEAL
  let found: Promise<Seal> | undefined
  const seal = () => {
    found ??= sealInFile(join(directory, SEAL_CREDENTIAL))
    return found
  }
  return {
    close: async (text) => (await seal()).close(text),
    open: async (text, path) => (await seal()).open(text, path),
  }
}

/** A seal by `secret`, at least 16 bytes. */
export function sealBy(secret: Uint8Array): Seal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', CONTEXT, 32))
  const name = createHash('sha256').update(key).digest('base64url').slice(0, 16)
  return {
    async close(text) {
      const iv = randomBytes(12)
      const cipher = createCipheriv(CIPHER, key, iv).setAAD(Buffer.from(CONTEXT))
      const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
      const sealed: Sealed = {
        version: FORMAT,
        sealedBy: name,
        iv: iv.toString('base64url'),
        data: data.toString('base64url'),
      }
      return JSON.stringify(sealed)
    },
    async open(text, path) {
      const sealed = readSealed(text)
      if (!sealed) return text
      if (sealed.sealedBy !== name) throw closed(path, 'the secret here is another one')
      return decipher(sealed, key) ?? text
    },
  }
}

export function isSealed(text: string): boolean {
  return readSealed(text) !== undefined
}

interface Sealed {
  readonly version: typeof FORMAT
  /** Tells "another secret" from "damaged"; a digest of the key, of which it says nothing else. */
  readonly sealedBy: string
  readonly iv: string
  /** Ciphertext, then the tag of 16 bytes. */
  readonly data: string
}

/** Undefined for a damaged one. */
function decipher({ iv, data }: Sealed, key: Uint8Array): string | undefined {
  const bytes = Buffer.from(data, 'base64url')
  try {
    const decipher = createDecipheriv(CIPHER, key, Buffer.from(iv, 'base64url'), { authTagLength: 16 })
    decipher.setAAD(Buffer.from(CONTEXT)).setAuthTag(bytes.subarray(-16))
    return decipher.update(bytes.subarray(0, -16), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return undefined
  }
}

function readSealed(text: string): Sealed | undefined {
  try {
    const value: Partial<Record<string, unknown>> | null = JSON.parse(text)
    const { version, sealedBy, iv, data } = value ?? {}
    if (version !== FORMAT || typeof sealedBy !== 'string' || typeof iv !== 'string' || typeof data !== 'string') {
      return undefined
    }
    return { version, sealedBy, iv, data }
  } catch {
    return undefined
  }
}

async function sealInFile(path: string): Promise<Seal> {
  try {
    const secret = await readFile(path)
    if (secret.length >= SMALLEST_SECRET) return sealBy(secret)
  } catch (error) {
    // Credentials there may be for other things than ours.
    if (errorCode(error) === 'ENOENT') return NO_SEAL
    throw error
  }
  const mend = 'make another with: latchkey-agent install-service --sealed'
  throw new AgentError('storage', `The secret in ${path} is shorter than ${SMALLEST_SECRET} bytes. To mend it: ${mend}`)
}

function closed(path: string, why: string): AgentError {
  const mend =
    'on the device it was made on, run this inside the service (docs: raspberry-pi, "Sealed"); on any other, remove the folder and link anew'
  return new AgentError('storage', `${path} is sealed to one device, and ${why}. To mend it: ${mend}`)
}
