// Access tokens that only the issuer can read (RFC 7662): asked about once, believed for a minute, never past their end.
// While the issuer cannot be asked, nobody gets in. JWTs: `resource-server-jwt.ts`.
import { base64url, type JWTPayload } from 'jose'
import type { JsonObject } from './jws.ts'
import { Refused } from './resource-server-answer.ts'
import { discover, fetchJson, IssuerUnavailable } from './resource-server-issuer.ts'
import type { IntrospectionSettings, Settings } from './resource-server-options.ts'

const RETRY_SECONDS = 5
const MOST_ANSWERS = 10_000
/** Somebody who sends made-up tokens makes us ask; so many questions at once, and no more. */
const MOST_QUESTIONS = 100

interface Answer {
  /** Undefined: not active. */
  readonly claims: JWTPayload | undefined
  /** Monotonic; when the question left, as the token may be revoked while the answer travels. */
  readonly askedAt: number
}

/** Tokens are remembered by digest, so that a dump of this process's memory holds none. */
export class Introspection {
  readonly #settings: Settings
  readonly #options: IntrospectionSettings
  // Apart, so that made-up tokens cannot push out the answers about good ones.
  readonly #active = new Map<string, Answer>()
  readonly #inactive = new Map<string, Answer>()
  readonly #underway = new Map<string, Promise<Answer>>()
  #endpoint: Promise<string> | undefined

  constructor(settings: Settings, options: IntrospectionSettings) {
    this.#settings = settings
    this.#options = options
  }

  /** The claims of an active token. @throws Refused @throws IssuerUnavailable */
  async read(token: string): Promise<JWTPayload> {
    const digest = await digestOf(token)
    const { claims } = this.#recall(digest) ?? (await this.#askOnce(digest, token))
    if (!claims) throw new Refused('invalid_token', 'The access token is not valid here')
    const reason = faultOf(claims, this.#settings)
    if (reason === 'expired') throw new Refused('invalid_token', 'The access token has expired')
    if (reason !== undefined) {
      throw new Refused('invalid_token', 'The access token is not valid here', { cause: new Error(reason) })
    }
    return claims
  }

  #recall(digest: string): Answer | undefined {
    const answer = this.#active.get(digest) ?? this.#inactive.get(digest)
    if (!answer) return undefined
    const { clock } = this.#settings
    const ageSeconds = (clock.monotonic() - answer.askedAt) / 1000
    const { exp } = answer.claims ?? {}
    const ended = typeof exp === 'number' && exp * 1000 <= clock.now()
    return ageSeconds < this.#options.cacheSeconds && !ended ? answer : undefined
  }

  #askOnce(digest: string, token: string): Promise<Answer> {
    const running = this.#underway.get(digest)
    if (running) return running
    if (this.#underway.size >= MOST_QUESTIONS) {
      throw new IssuerUnavailable(1, new Error(`${MOST_QUESTIONS} introspection requests are under way`))
    }
    const question = this.#ask(token)
      .then((answer) => {
        this.#remember(digest, answer)
        return answer
      })
      .finally(() => this.#underway.delete(digest))
    this.#underway.set(digest, question)
    return question
  }

  #remember(digest: string, answer: Answer): void {
    this.#active.delete(digest)
    this.#inactive.delete(digest)
    const answers = answer.claims ? this.#active : this.#inactive
    answers.set(digest, answer)
    // The oldest question goes first: a Map keeps the order.
    const [oldest] = answers.keys()
    if (answers.size > MOST_ANSWERS && oldest !== undefined) answers.delete(oldest)
  }

  async #ask(token: string): Promise<Answer> {
    const askedAt = this.#settings.clock.monotonic()
    try {
      const url = await this.#findEndpoint()
      const { json } = await fetchJson(this.#settings, url, {
        method: 'POST',
        headers: { Authorization: basic(this.#options) },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
      })
      if (typeof json['active'] !== 'boolean') throw new Error('the answer does not say whether the token is active')
      return { claims: json['active'] ? (json as JWTPayload) : undefined, askedAt }
    } catch (cause) {
      // It may have moved: ask the metadata again next time.
      this.#endpoint = undefined
      throw new IssuerUnavailable(RETRY_SECONDS, cause)
    }
  }

  #findEndpoint(): Promise<string> {
    const { endpoint } = this.#options
    this.#endpoint ??=
      endpoint === undefined ? discover(this.#settings, 'introspection_endpoint') : Promise.resolve(endpoint)
    return this.#endpoint
  }
}

/** What a JWT would have been refused for, too; undefined: nothing. */
function faultOf(claims: JsonObject, { issuer, audience, clock, clockToleranceSeconds }: Settings): string | undefined {
  const { iss, aud, exp, nbf, cnf, token_type: tokenType } = claims
  const nowSeconds = clock.now() / 1000
  if (iss !== issuer) return 'another issuer'
  if (aud !== audience && !(Array.isArray(aud) && aud.includes(audience))) return 'another audience'
  if (typeof exp !== 'number') return 'no end'
  if (exp <= nowSeconds - clockToleranceSeconds) return 'expired'
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= nowSeconds + clockToleranceSeconds)) return 'not yet'
  // A refresh token is active as well; only access tokens have a type of these.
  const wanted = cnf === undefined ? 'bearer' : 'dpop'
  if (typeof tokenType !== 'string' || tokenType.toLowerCase() !== wanted) return `not of type ${wanted}`
  return undefined
}

async function digestOf(token: string): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))))
}

/** RFC 6749 §2.3.1: each half is form-encoded first. */
function basic({ clientId, clientSecret }: IntrospectionSettings): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${btoa(`${encode(clientId)}:${encode(clientSecret)}`)}`
}
