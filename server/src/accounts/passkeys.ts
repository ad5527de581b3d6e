// Passkeys (WebAuthn Level 3 §7.1, §7.2): what a browser is asked for, and whether its answer holds. The challenges are
// passkey-challenges.ts next door; what the answers lead to is in http/sign-in/passkey.ts and http/account/passkeys.ts.
import { isIP } from 'node:net'
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import type { Provider } from '../oauth/provider.ts'
import { NEVER, type Passkey, type User } from '../oauth/records.ts'
import { update } from '../oauth/store.ts'
import { CHALLENGE_LIFE_MS, type ChallengeUse, createPasskeyChallenges } from './passkey-challenges.ts'

/** So many passkeys one account may have. */
export const MOST_PASSKEYS = 20
const LONGEST_NAME = 64

// EdDSA, ES256, RS256: all that platforms and security keys make (COSE algorithm numbers).
const ALGORITHMS = [-8, -7, -257]
// The browser's question goes when the challenge does.
const TIMEOUT = CHALLENGE_LIFE_MS

/** What came of an answer; `late`: it took longer than a challenge lives. The reason is for the log, not for the person. */
export type Refusal = { readonly outcome: 'late' } | { readonly outcome: 'refused'; readonly reason: string }

export interface Proven {
  readonly outcome: 'proven'
  readonly user: User
  /** RFC 8176. */
  readonly amr: readonly string[]
  /** The authenticator checked who holds it (fingerprint, face, PIN). */
  readonly verified: boolean
}

export type Added = { readonly outcome: 'added'; readonly passkey: Passkey } | { readonly outcome: 'taken' | 'full' }

export interface Passkeys {
  /** To sign in; with `allowed`: by one of these, as whose they are. */
  ask(owner: string, allowed?: readonly Passkey[]): Promise<PublicKeyCredentialRequestOptionsJSON>
  /** `answer`: a PublicKeyCredential as JSON, out of a stranger's form. */
  prove(owner: string, answer: string, user?: User): Promise<Proven | Refusal>
  askForNew(owner: string, user: User): Promise<PublicKeyCredentialCreationOptionsJSON>
  add(owner: string, user: User, answer: string, name: string): Promise<Added | Refusal>
}

type Parts = Pick<Provider, 'issuer' | 'store' | 'vault' | 'host' | 'note'>

/** Browsers know passkeys of hosts that have a name, and of no bare address. */
export function knowsPasskeys(issuer: string): boolean {
  return !isIP(new URL(issuer).hostname.replace(/^\[|\]$/g, ''))
}

/** Undefined where browsers know no passkeys. `service`: its name for people. */
export function createPasskeys(parts: Parts, service: string): Passkeys | undefined {
  const { store, host } = parts
  if (!knowsPasskeys(parts.issuer)) return undefined
  const { hostname, origin } = new URL(parts.issuer)
  const challenges = createPasskeyChallenges(parts.vault, host, store.spent)
  const expected = { expectedOrigin: origin, expectedRPID: hostname, requireUserVerification: false }

  const described = ({ id, transports }: Passkey) => ({ id, transports: [...transports] })

  /** The challenge that was answered, when it is one of ours, for this use and this browser. */
  const challengeIn = (use: ChallengeUse, owner: string, clientDataJSON: unknown): string | Refusal => {
    const data = jsonObject(Buffer.from(String(clientDataJSON), 'base64url').toString())
    const challenge = data?.['challenge']
    if (typeof challenge !== 'string') return refused('no challenge')
    // No page of ours stands in a frame.
    if (data?.['crossOrigin'] === true) return refused('made in a frame of another site')
    const verdict = challenges.check(use, owner, challenge)
    if (verdict === 'late') return { outcome: 'late' }
    return verdict === 'fits' ? challenge : refused('a challenge of somebody else')
  }

  return {
    async ask(owner, allowed) {
      const allowCredentials = allowed?.map(described)
      return generateAuthenticationOptions({
        rpID: hostname,
        challenge: challenges.make('sign-in', owner),
        timeout: TIMEOUT,
        userVerification: 'preferred',
        ...(allowCredentials === undefined ? {} : { allowCredentials }),
      })
    },

    async prove(owner, answer, expectedUser) {
      const response = credentialIn<AuthenticationResponseJSON>(answer)
      if (response === undefined) return refused('not a credential')
      const challenge = challengeIn('sign-in', owner, response.response.clientDataJSON)
      if (typeof challenge !== 'string') return challenge
      const passkey = await store.passkeys.get(response.id)
      if (passkey === undefined) return refused('an unknown passkey')
      const { userHandle } = response.response
      // Without a list of passkeys to choose from, the answer itself must say whose it is (§7.2 step 6).
      const fits = userHandle ? userHandle === handleOf(passkey.userId) : expectedUser !== undefined
      if (!fits || (expectedUser !== undefined && passkey.userId !== expectedUser.id)) {
        return refused('a passkey of another account')
      }
      let info: Awaited<ReturnType<typeof verifyAuthenticationResponse>>
      try {
        const publicKey = Uint8Array.from(Buffer.from(passkey.publicKey, 'base64url'))
        // The counter is judged below, where it is written: two answers at once are not both the newest.
        const credential = { id: passkey.id, publicKey, counter: 0, transports: [...passkey.transports] }
        info = await verifyAuthenticationResponse({ response, expectedChallenge: challenge, credential, ...expected })
      } catch (error) {
        return refused(String(error))
      }
      const { newCounter, userVerified: verified, credentialDeviceType } = info.authenticationInfo
      if (!info.verified) return refused('a wrong signature')
      // A passkey does not change what it is (§6.1.3): tokens say it.
      if ((credentialDeviceType === 'multiDevice') !== passkey.synced) return refused('another kind of passkey')
      const user = await store.users.get(passkey.userId)
      if (user === undefined || user.disabledAt !== undefined) return refused('a closed account')
      if (!(await challenges.spend(challenge))) return refused('an answer that was used before')
      if (!(await update(store.passkeys, passkey.id, (kept) => use(kept, newCounter, host.clock.now())))) {
        parts.note({ event: 'passkey_counter_back', userId: user.id })
        return refused('a counter that went back')
      }
      return { outcome: 'proven', user, amr: amrOf(passkey, verified), verified }
    },

    async askForNew(owner, user) {
      return generateRegistrationOptions({
        rpName: service,
        rpID: hostname,
        userID: Uint8Array.from(Buffer.from(user.id)),
        userName: user.email,
        userDisplayName: user.name,
        challenge: challenges.make('add', owner),
        timeout: TIMEOUT,
        attestationType: 'none',
        excludeCredentials: (await store.passkeys.byUser(user.id)).map(described),
        // Discoverable: nobody needs to type who they are first.
        authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
        supportedAlgorithmIDs: ALGORITHMS,
      })
    },

    async add(owner, user, answer, name) {
      const response = credentialIn<RegistrationResponseJSON>(answer)
      if (response === undefined) return refused('not a credential')
      const challenge = challengeIn('add', owner, response.response.clientDataJSON)
      if (typeof challenge !== 'string') return challenge
      let info: Awaited<ReturnType<typeof verifyRegistrationResponse>>
      try {
        info = await verifyRegistrationResponse({
          response,
          expectedChallenge: challenge,
          supportedAlgorithmIDs: ALGORITHMS,
          ...expected,
        })
      } catch (error) {
        return refused(String(error))
      }
      if (!info.verified) return refused('a wrong attestation')
      if (!(await challenges.spend(challenge))) return refused('an answer that was used before')
      if ((await store.passkeys.byUser(user.id)).length >= MOST_PASSKEYS) return { outcome: 'full' }
      const { credential, credentialDeviceType } = info.registrationInfo
      const passkey: Passkey = {
        id: credential.id,
        version: 0,
        expiresAt: NEVER,
        userId: user.id,
        publicKey: Buffer.from(credential.publicKey).toString('base64url'),
        counter: credential.counter,
        transports: transportsIn(response.response.transports),
        synced: credentialDeviceType === 'multiDevice',
        name: passkeyName(name),
        createdAt: host.clock.now(),
      }
      // Somebody else may have it already (§7.1 step 26): it stays theirs.
      return (await store.passkeys.insert(passkey)) ? { outcome: 'added', passkey } : { outcome: 'taken' }
    },
  }
}

/** A name as it is kept. */
export function passkeyName(name: string): string {
  return Array.from(name.trim()).slice(0, LONGEST_NAME).join('')
}

/** An account as passkeys know it: the bytes of its id, in base64url. */
export function handleOf(userId: string): string {
  return Buffer.from(userId).toString('base64url')
}

/**
 * What an answer proves, in the words of RFC 8176: the possession of a key that never leaves its hardware, or of one
 * that its owner's devices share; that somebody was there; and two factors only where the authenticator checked who.
 * `pop` stands for either kind of key, so that clients can ask for both in one word.
 */
export function amrOf({ synced }: Pick<Passkey, 'synced'>, verified: boolean): readonly string[] {
  return ['pop', synced ? 'swk' : 'hwk', 'user', ...(verified ? ['mfa'] : [])]
}

/** Most synced passkeys count nothing and stay 0; one that counts must count up, or there are two of it. A step. */
function use(passkey: Passkey | undefined, counter: number, usedAt: number) {
  if (passkey === undefined) return { outcome: false }
  if ((counter > 0 || passkey.counter > 0) && counter <= passkey.counter) return { outcome: false }
  return { next: { ...passkey, counter, usedAt }, outcome: true }
}

/** A library says what it found, and a stranger chose that. */
const LONGEST_REASON = 200

function refused(reason: string): Refusal {
  return { outcome: 'refused', reason: reason.slice(0, LONGEST_REASON) }
}

const TRANSPORTS: readonly string[] = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']

function transportsIn(given: unknown): readonly string[] {
  return Array.isArray(given) ? TRANSPORTS.filter((transport) => given.includes(transport)) : []
}

/** Only so far as to be handed on: the verification looks at every part. */
function credentialIn<R extends { readonly id: string; readonly response: object }>(text: string): R | undefined {
  const credential = jsonObject(text)
  const inner = credential?.['response']
  if (typeof credential?.['id'] !== 'string' || typeof inner !== 'object' || inner === null) return undefined
  return credential as unknown as R
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
