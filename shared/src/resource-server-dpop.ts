// The DPoP proof beside a token at an API (RFC 9449 §7): for this request, by the token's key, once. What a proof is: `dpop.ts`.
import { checkProof, normaliseHtu, PROOF_FUTURE_SECONDS, PROOF_PAST_SECONDS, type Proof, ProofError } from './dpop.ts'
import { Refused } from './resource-server-answer.ts'
import { NonceSource } from './resource-server-nonces.ts'
import type { Settings } from './resource-server-options.ts'
import { REMEMBER_SECONDS, UsedProofs } from './resource-server-replay.ts'
import type { ApiRequest } from './resource-server-request.ts'

export interface BoundToken {
  readonly token: string
  /** `cnf.jkt` of the token. */
  readonly jkt: string
  readonly proof: string | undefined
}

// A proof cannot be young again before it is forgotten, unless the wall clock is set back by more than this.
const TOLERATED_SET_BACK = (REMEMBER_SECONDS - PROOF_PAST_SECONDS - PROOF_FUTURE_SECONDS) * 1000

export class ProofDesk {
  readonly #settings: Settings
  readonly #publicUrl: string
  readonly #used: UsedProofs
  readonly #nonces: NonceSource
  #latestNow = Number.NEGATIVE_INFINITY

  constructor(settings: Settings, publicUrl: string) {
    const { clock, entropy, rememberedProofs } = settings
    this.#settings = settings
    this.#publicUrl = publicUrl
    this.#used = new UsedProofs(clock, rememberedProofs)
    this.#nonces = new NonceSource(clock, entropy)
  }

  /** Uses the proof up. @returns a nonce for the client's next one, if it needs any @throws Refused @throws ProofsFull */
  async prove(request: ApiRequest, { token, jkt, proof }: BoundToken): Promise<string | undefined> {
    if (proof === undefined) throw new Refused('invalid_dpop_proof', 'The DPoP header is missing')
    const htu = this.#publicUrl + pathOf(request.url)
    const nowAt = this.#settings.clock.now()
    const nonces = this.#needsNonce(nowAt) ? await this.#nonces.now() : undefined
    const checked = await checkProof(proof, {
      htm: request.method,
      htu,
      nowSeconds: nowAt / 1000,
      accessToken: token,
      ...(nonces && {
        requiresNonce: true,
        acceptsNonce: (nonce: string) => nonce === nonces.current || nonce === nonces.previous,
      }),
    }).catch((cause: unknown) => {
      throw refuse(cause, nonces?.current)
    })
    await this.#requireUnused(checked, jkt, htu)
    return nonces?.current
  }

  async #requireUnused({ jkt, jti }: Proof, wanted: string, htu: string): Promise<void> {
    if (jkt !== wanted) throw new Refused('invalid_token', 'The access token is bound to another key')
    // Another spelling of the same address would otherwise be another use.
    const fresh = await this.#used.use({ jkt, jti, htu: normaliseHtu(htu) ?? htu })
    if (!fresh) throw new Refused('invalid_dpop_proof', 'The DPoP proof was used before')
  }

  #needsNonce(nowAt: number): boolean {
    this.#latestNow = Math.max(this.#latestNow, nowAt)
    // Set back, the wall clock makes forgotten proofs young again: until it has caught up, nonces tell what is new.
    return this.#settings.dpopNonce === 'required' || nowAt < this.#latestNow - TOLERATED_SET_BACK
  }
}

// The client chose the host of the request; our own address comes from the settings alone.
function pathOf(url: string): string {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '')
  // A target like `.example.net/x` must not lengthen our host's name.
  return path.startsWith('/') ? path : `/${path}`
}

function refuse(cause: unknown, nonce: string | undefined): unknown {
  if (!(cause instanceof ProofError)) return cause
  if (cause.code === 'use_dpop_nonce' && nonce !== undefined) {
    return new Refused('use_dpop_nonce', 'The DPoP proof needs a nonce of this API', { nonce, cause })
  }
  return new Refused('invalid_dpop_proof', 'The DPoP proof is not valid for this request', { cause })
}
