// Credentials, key and waiting code of a page, in IndexedDB: the key as a pair that no script can read, the rest as records.
// A browser that keeps nothing (private mode, storage switched off) gets a store that forgets, and says so.
import { type Host, type ProofKey, systemHost } from '@latchkey/shared'
import { type CredentialStore, memoryCredentials, parseCredentials } from '../core/credentials.ts'
import { AgentError } from '../core/errors.ts'
import { type KeyStore, memoryKeys } from '../core/keys.ts'
import { type PendingStore, parsePendingLink } from '../core/pending-link.ts'
import { type Drawer, openDrawer } from './indexed-db.ts'
import { type Exclusively, leaseTurns, lockTurns } from './turns.ts'

const CREDENTIALS = 'credentials'
const KEY = 'key'
const PENDING = 'pending'

/** `forgets`: all is lost when the page closes. */
export type Keeping = 'keeps' | 'forgets'

export interface BrowserStore {
  readonly credentials: CredentialStore
  readonly keys: KeyStore
  readonly pending: PendingStore
  /** Opens the store; a page should tell people when it `forgets`. */
  keeping(): Promise<Keeping>
}

export interface IndexedDbStoreOptions {
  /** The database's name, `latchkey` unless said: one for each link that a page holds. */
  readonly name?: string
  readonly host?: Host
}

interface Opened {
  readonly keeping: Keeping
  readonly credentials: CredentialStore
  readonly keys: KeyStore
  readonly pending: PendingStore | undefined
}

export function indexedDbStore(options: IndexedDbStoreOptions = {}): BrowserStore {
  const { name = 'latchkey', host = systemHost } = options
  let opened: Promise<Opened> | undefined
  const open = () => {
    opened ??= openStore(name, host)
    return opened
  }
  return {
    credentials: {
      load: async () => (await open()).credentials.load(),
      save: async (record) => (await open()).credentials.save(record),
      clear: async () => (await open()).credentials.clear(),
      exclusively: async (work) => (await open()).credentials.exclusively(work),
    },
    keys: {
      load: async () => (await open()).keys.load(),
      obtain: async () => (await open()).keys.obtain(),
    },
    pending: {
      load: async () => (await open()).pending?.load(),
      save: async (pending) => (await open()).pending?.save(pending),
      clear: async () => (await open()).pending?.clear(),
    },
    keeping: async () => (await open()).keeping,
  }
}

async function openStore(name: string, host: Host): Promise<Opened> {
  try {
    // Reading the property throws where a person has switched storage off.
    const drawer = explained(await openDrawer(globalThis.indexedDB, name))
    // Absent on http pages, and in browsers from before 2018.
    const locks = navigator.locks as LockManager | undefined
    const exclusively = locks ? lockTurns(locks, name) : leaseTurns(drawer, host)
    const [credentials, keys, pending] = [credentialsIn(drawer, exclusively), keysIn(drawer), pendingIn(drawer)]
    return { keeping: 'keeps', credentials, keys, pending }
  } catch {
    return { keeping: 'forgets', credentials: memoryCredentials(), keys: memoryKeys(), pending: undefined }
  }
}

function credentialsIn(drawer: Drawer, exclusively: Exclusively): CredentialStore {
  return {
    async load() {
      const kept = await drawer.get(CREDENTIALS)
      if (kept === undefined) return { kind: 'none', damaged: false }
      const record = parseCredentials(kept)
      return record ? { kind: 'found', record, recovered: false } : { kind: 'none', damaged: true }
    },
    async save(record) {
      await drawer.swap(CREDENTIALS, () => record)
    },
    clear: () => drawer.remove(CREDENTIALS),
    exclusively,
  }
}

function keysIn(drawer: Drawer): KeyStore {
  const load = async () => {
    const kept = await drawer.get(KEY)
    return isKey(kept) ? kept : undefined
  }
  return {
    load,
    async obtain() {
      const kept = await load()
      if (kept) return kept
      const made = await memoryKeys().obtain()
      // Whichever page writes first, all get the same pair.
      const agreed = await drawer.swap(KEY, (found) => (isKey(found) ? undefined : made))
      return isKey(agreed) ? agreed : made
    },
  }
}

function pendingIn(drawer: Drawer): PendingStore {
  return {
    load: async () => parsePendingLink(await drawer.get(PENDING)),
    async save(pending) {
      await drawer.swap(PENDING, () => pending)
    },
    clear: () => drawer.remove(PENDING),
  }
}

function isKey(value: unknown): value is ProofKey {
  if (typeof value !== 'object' || value === null || !('privateKey' in value) || !('publicKey' in value)) return false
  const { privateKey, publicKey } = value
  if (!(privateKey instanceof CryptoKey) || !(publicKey instanceof CryptoKey)) return false
  return privateKey.type === 'private' && !privateKey.extractable && privateKey.algorithm.name === 'ECDSA'
}

/** The same drawer, with the browser's complaints in the agent's words. */
function explained(drawer: Drawer): Drawer {
  const trouble = (cause: unknown): never => {
    throw new AgentError('storage', 'This browser cannot keep the link.', { cause })
  }
  return {
    get: (name) => drawer.get(name).catch(trouble),
    swap: (name, decide) => drawer.swap(name, decide).catch(trouble),
    remove: (...names) => drawer.remove(...names).catch(trouble),
  }
}
