// A device that becomes a client of its own, with a key that it made itself: a person allows it once, it registers the key,
// gets tokens for itself from then on, and changes the key without ever being without one that works. The requests are
// registration.ts; what is kept, and where, enrolment-record.ts. A device that acts for a person is agent.ts.
import { type Host, type ProofKey, systemHost } from '@latchkey/shared'
import { type ApiRequest, authorizationHeaders, checkAddress } from './api-request.ts'
import type { DeviceDescription, Tokens } from './client.ts'
import { Connection } from './connection.ts'
import type { EnrolmentKeys, EnrolmentRecord, EnrolmentStore, KeyPlace } from './enrolment-record.ts'
import { AgentError } from './errors.ts'
import type { Fetch, Wire } from './exchange.ts'
import { keyName } from './keys.ts'
import { awaitDecision, openLinkRequest, reachInTime, type WaitingState } from './link-request.ts'
import { Origins } from './origins.ts'
import { type KeyedClient, noRegistration, ownTokens, register, replaceKeys } from './registration.ts'
import { ownSockets, type Sockets } from './sockets.ts'

const ENROL_SCOPE = 'device:enroll'
/** A token with less life than this is not handed out. */
const LEAST_SECONDS_LEFT = 30

export interface EnrolmentOptions {
  readonly issuer: string
  readonly store: EnrolmentStore
  readonly keys: EnrolmentKeys
  readonly host?: Host | undefined
  readonly fetch?: Fetch | undefined
  readonly sockets?: Sockets | undefined
}

export interface Enrolled {
  readonly issuer: string
  readonly clientId: string
}

/** Bound to the device's key: it works only with a proof beside it, which `authorize` makes. */
export interface OwnAccessToken {
  readonly token: string
  readonly scope: string | undefined
  /** Undefined when the server did not say. */
  readonly secondsLeft: number | undefined
}

interface TokenWish {
  /** RFC 8707: the API that the token is for. */
  readonly resource?: string | undefined
  readonly signal?: AbortSignal | undefined
}

interface KeptToken {
  readonly tokens: Tokens
  readonly boundTo: string
  readonly expiresAtMonotonic: number
}

interface KeyedToken extends KeptToken {
  readonly key: ProofKey
}

/**
 * A device that is a client of its own.
 *
 * @example
 * const enrolment = new Enrolment({ issuer: 'https://id.example.com', ...enrolmentFile({ directory }) })
 * await enrolment.enrol({ clientId: 'box-setup', onState: (state) => console.log(state.request.userCode) })
 * const headers = await enrolment.authorize({ method: 'GET', url: 'https://api.example.com/library' })
 */
export class Enrolment {
  readonly #options: EnrolmentOptions
  readonly #host: Host
  readonly #wire: Wire
  readonly #sockets: Sockets | undefined
  readonly #kept = new Map<string, KeptToken>()

  constructor(options: EnrolmentOptions) {
    const { host = systemHost, fetch: sendRequest = (url, init) => fetch(url, init) } = options
    this.#options = options
    this.#host = host
    this.#wire = { host, fetch: sendRequest, origins: new Origins(host.clock, options.issuer) }
    this.#sockets = options.sockets ?? ownSockets()
  }

  /** Who this device is, without asking the server; undefined when it has not enrolled there. */
  async enrolled(): Promise<Enrolled | undefined> {
    const record = await this.#options.store.load()
    return record?.issuer === this.#options.issuer ? { issuer: record.issuer, clientId: record.clientId } : undefined
  }

  /**
   * Shows one code as the client `clientId`, waits for a person's yes and registers the device's key. Done again it is the
   * same client, with a new registration token, unless the server has removed it.
   *
   * @throws AgentError `usage` when this device has enrolled elsewhere; as `DeviceAgent.link` otherwise
   */
  async enrol(how: {
    readonly clientId: string
    readonly device?: DeviceDescription | undefined
    /** As for `DeviceAgent`. */
    readonly showsNumber?: boolean | undefined
    readonly signal?: AbortSignal | undefined
    readonly onState?: ((state: WaitingState) => void) | undefined
  }): Promise<Enrolled> {
    const { issuer, store } = this.#options
    const { clientId, device, showsNumber, signal, onState: show = () => undefined } = how
    return store.exclusively(async () => {
      const before = await store.load()
      if (before && before.issuer !== issuer) {
        throw new AgentError('usage', `This device has enrolled at ${before.issuer}. For another server: --state`)
      }
      const { keyPlace = 1, isReplacing = false } = before ?? {}
      const client = await this.#begin(clientId, keyPlace, signal)
      const wish = { scope: ENROL_SCOPE, resource: issuer, device, showsNumber }
      const request = await openLinkRequest(client, wish, signal)
      const { accessToken } = await awaitDecision(client, request, { resource: issuer, show, signal })
      const name = device?.name
      // The same key is the same client, so a request whose answer got lost is sent again.
      const reach = () => register(client, { accessToken, name }, signal)
      const registered = await reachInTime(this.#host, request, reach, { show, signal })
      await store.save({ issuer, name, keyPlace, isReplacing, ...registered })
      return { issuer, clientId: registered.clientId }
    })
  }

  /**
   * A token for the device itself: the one of before while it is good, else a fresh one.
   * @throws AgentError `unlinked` when it has not enrolled or its key is gone; `refused`, `unreachable`, `untrusted`
   */
  async accessToken(wish: TokenWish = {}): Promise<OwnAccessToken> {
    const { tokens, expiresAtMonotonic } = await this.#token(wish)
    const left = (expiresAtMonotonic - this.#host.clock.monotonic()) / 1000
    const secondsLeft = Number.isFinite(left) ? left : undefined
    return { token: tokens.accessToken, scope: tokens.scope, secondsLeft }
  }

  /** The headers that let one request pass. @throws AgentError as `accessToken`, and `usage` for an unsafe address */
  async authorize(request: ApiRequest, wish: TokenWish = {}): Promise<Readonly<Record<string, string>>> {
    checkAddress(request.url)
    const { tokens, key } = await this.#token(wish)
    return authorizationHeaders(this.#wire, { token: tokens.accessToken, tokenType: 'DPoP', key }, request)
  }

  /** Takes in what came beside an API's answer: its nonce, its time. */
  hear(url: string, headers: Headers): void {
    this.#wire.origins?.hear(url, headers)
  }

  /**
   * Changes the key: both are registered until the new one has fetched a token, then the new one alone, and the old one is
   * forgotten. Whatever stops it on the way, the device has a key that works, and the next call goes on from there.
   *
   * @throws AgentError as `accessToken`, and `storage`
   */
  async rotateKey(signal?: AbortSignal): Promise<void> {
    const { store, keys } = this.#options
    await store.exclusively(async () => {
      let record = await this.#record()
      if (!record.isReplacing) {
        const next = otherPlace(record.keyPlace)
        const old = await this.#goOn(record, signal)
        const fresh = await keys.at(next).obtain()
        record = await this.#register(record, [old.key, fresh], signal)
        await ownTokens({ ...old, key: fresh }, undefined, signal)
        record = { ...record, keyPlace: next, isReplacing: true }
        await store.save(record)
      }
      const key = await this.#key(record)
      record = await this.#register(record, [key], signal)
      await keys.forget(otherPlace(record.keyPlace))
      await store.save({ ...record, isReplacing: false })
    })
  }

  async #register(record: EnrolmentRecord, keys: readonly ProofKey[], signal?: AbortSignal): Promise<EnrolmentRecord> {
    const next = { ...record, ...(await replaceKeys(this.#wire, record, keys, signal)) }
    // A token that was changed and not kept would lock the device out of its own registration.
    if (next.registrationToken !== record.registrationToken || next.registrationUri !== record.registrationUri) {
      await this.#options.store.save(next)
    }
    return next
  }

  async #token(wish: TokenWish): Promise<KeyedToken> {
    const record = await this.#record()
    try {
      return await this.#tokenFor(record, wish)
    } catch (error) {
      // Another process may have changed the key since the record was read.
      const latest = await this.#record()
      if (latest.keyPlace === record.keyPlace) throw error
      return this.#tokenFor(latest, wish)
    }
  }

  async #tokenFor(record: EnrolmentRecord, { resource, signal }: TokenWish): Promise<KeyedToken> {
    const key = await this.#key(record)
    const boundTo = await keyName(key)
    const { clock } = this.#host
    const kept = this.#kept.get(resource ?? '')
    const isGood = kept && kept.expiresAtMonotonic - clock.monotonic() >= LEAST_SECONDS_LEFT * 1000
    if (isGood && kept.boundTo === boundTo) return { ...kept, key }
    const askedAt = clock.monotonic()
    const tokens = await ownTokens(await this.#goOn(record, signal), resource, signal)
    const expiresAtMonotonic = askedAt + (tokens.expiresInSeconds ?? Number.POSITIVE_INFINITY) * 1000
    const fresh = { tokens, boundTo, expiresAtMonotonic }
    this.#kept.set(resource ?? '', fresh)
    return { ...fresh, key }
  }

  async #record(): Promise<EnrolmentRecord> {
    const { issuer, store } = this.#options
    const record = await store.load()
    if (record?.issuer === issuer) return record
    throw notEnrolled(`This device has not enrolled at ${issuer}`)
  }

  async #key({ keyPlace }: EnrolmentRecord): Promise<ProofKey> {
    const key = await this.#options.keys.at(keyPlace).load()
    if (!key) throw notEnrolled('The key of this device is gone')
    return key
  }

  /** To speak as the kind of device that may enrol, by the key in that place; made where there is none yet. */
  async #begin(clientId: string, place: KeyPlace, signal: AbortSignal | undefined): Promise<KeyedClient> {
    const client = await this.#connection(clientId, place).toBegin(signal)
    const { key, metadata } = client
    if (!metadata.registration_endpoint) throw noRegistration(client)
    if (!key) throw new AgentError('refused', `${metadata.issuer} binds no tokens to keys, which enrolment needs.`)
    return { ...client, key }
  }

  /** To speak as the client that this device became. */
  async #goOn(record: EnrolmentRecord, signal: AbortSignal | undefined): Promise<KeyedClient> {
    const key = await this.#key(record)
    const client = await this.#connection(record.clientId, record.keyPlace).toGoOn(undefined, signal)
    return { ...client, key }
  }

  #connection(clientId: string, place: KeyPlace): Connection {
    const { issuer, keys } = this.#options
    return new Connection(this.#wire, { issuer, clientId, keys: keys.at(place), sockets: this.#sockets })
  }
}

function otherPlace(place: KeyPlace): KeyPlace {
  return place === 1 ? 2 : 1
}

function notEnrolled(why: string): AgentError {
  return new AgentError('unlinked', `${why}. Enrol it: latchkey-agent enrol`)
}
