// How the agent gets to its server: metadata, and the key that requests are signed with. What is then said is client.ts.
import type { ProofKey } from '@latchkey/shared'
import { type Client, discover, offersKeyBinding } from './client.ts'
import { AgentError } from './errors.ts'
import type { Wire } from './exchange.ts'
import { hasWebCrypto, type KeyStore, keyName } from './keys.ts'
import type { Sockets } from './sockets.ts'

const METADATA_GOOD_FOR_MS = 3_600_000

export interface ConnectionOptions {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: string | undefined
  readonly keys: KeyStore
  /** `never`: a link for programs that can carry a token but no proof, where the server allows it. */
  readonly binding?: 'offered' | 'never' | undefined
  readonly sockets?: Sockets | undefined
}

/** Whether the key that something is bound to is here. */
export type KeyFit = 'unbound' | 'here' | 'missing' | 'another'

interface NamedKey {
  readonly key: ProofKey
  readonly name: string
}

export class Connection {
  readonly #wire: Wire
  readonly #options: ConnectionOptions
  #client: Client | undefined
  #clientFrom = 0
  #key: NamedKey | undefined

  constructor(wire: Wire, options: ConnectionOptions) {
    this.#wire = wire
    this.#options = options
  }

  /**
   * For a new link: metadata and key are looked up anew. Where the server binds tokens to keys, the key is there, and
   * safe from a power cut, before anything can be bound to it.
   */
  async toBegin(signal?: AbortSignal): Promise<Client> {
    this.#client = undefined
    this.#key = undefined
    const client = await this.#connect(signal)
    const binds = this.#options.binding !== 'never' && offersKeyBinding(client.metadata) && hasWebCrypto()
    return binds ? { ...client, key: await this.#options.keys.obtain() } : client
  }

  /**
   * For what is bound to the key named `boundTo`, or to none: a link stays as it began.
   * @throws AgentError `unlinked` when that key is not here
   */
  async toGoOn(boundTo: string | undefined, signal?: AbortSignal): Promise<Client> {
    if (boundTo === undefined) return this.#connect(signal)
    // Signed even if the metadata of today says nothing of it: nobody talks us out of the key.
    const key = await this.keyNamed(boundTo)
    return { ...(await this.#connect(signal)), key }
  }

  /** For a device that remembers nothing but its key; undefined when there is no key either. */
  async toComeBack(): Promise<(Client & { readonly key: ProofKey }) | undefined> {
    const named = await this.#named()
    return named && { ...(await this.#connect()), key: named.key }
  }

  async fit(boundTo: string | undefined): Promise<KeyFit> {
    if (boundTo === undefined) return 'unbound'
    const named = await this.#named()
    if (!named) return 'missing'
    return named.name === boundTo ? 'here' : 'another'
  }

  /** @throws AgentError `unlinked` when it is not here */
  async keyNamed(boundTo: string): Promise<ProofKey> {
    const named = await this.#named()
    if (named?.name === boundTo) return named.key
    throw keyElsewhere(named)
  }

  /** The key for a proof beside a bound token, whose record was found to fit. @throws AgentError `unlinked` without one */
  async toSign(): Promise<ProofKey> {
    const named = await this.#named()
    if (!named) throw keyElsewhere(named)
    return named.key
  }

  async #named(): Promise<NamedKey | undefined> {
    if (!this.#key) {
      const key = await this.#options.keys.load()
      this.#key = key && { key, name: await keyName(key) }
    }
    return this.#key
  }

  async #connect(signal?: AbortSignal): Promise<Client> {
    const { issuer, clientId, clientSecret, sockets } = this.#options
    const now = this.#wire.host.clock.monotonic()
    if (!this.#client || now - this.#clientFrom > METADATA_GOOD_FOR_MS) {
      const metadata = await discover(this.#wire, issuer, signal)
      this.#client = { ...this.#wire, metadata, clientId, clientSecret, sockets }
      this.#clientFrom = now
    }
    return this.#client
  }
}

function keyElsewhere(other: NamedKey | undefined): AgentError {
  const why = other
    ? 'These credentials belong to the key of another device'
    : 'The key that these credentials belong to is not on this device'
  return new AgentError('unlinked', `${why}, and work with no other. Link this device: latchkey-agent link`)
}
