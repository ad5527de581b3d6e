// What a passkey signs: random, good for five minutes, for one browser and one use (WebAuthn §13.4.3). It carries its own
// proof, so that a page that is only looked at costs no storage; what was used is remembered until it would have run out.
import type { Host } from '@latchkey/shared'
import { digestOf, randomToken, sameDigest, type Vault } from '../oauth/keys/vault.ts'
import type { Store } from '../oauth/store.ts'

export const CHALLENGE_LIFE_MS = 5 * 60 * 1000
const RANDOM_BYTES = 16

/** What a challenge is for; one for the one is no good for the other. */
export type ChallengeUse = 'sign-in' | 'add'

export interface PasskeyChallenges {
  /** As text; `owner`: the visit or session that may answer. */
  make(use: ChallengeUse, owner: string): string
  /** `answered`: base64url, as it came back signed. Changes nothing: only a right signature is worth a write. */
  check(use: ChallengeUse, owner: string, answered: string): 'fits' | 'late' | 'strange'
  /** False when somebody did before. */
  spend(answered: string): Promise<boolean>
}

export function createPasskeyChallenges(vault: Vault, host: Host, spent: Store['spent']): PasskeyChallenges {
  const proof = (use: ChallengeUse, owner: string, random: string, until: string) =>
    vault.digest('passkey-challenge', `${use} ${owner} ${random} ${until}`)
  return {
    make(use, owner) {
      const random = randomToken(host.entropy, RANDOM_BYTES)
      const until = String(host.clock.now() + CHALLENGE_LIFE_MS)
      return [random, until, proof(use, owner, random, until)].join('.')
    },
    check(use, owner, answered) {
      const [random = '', until = '', given = ''] = Buffer.from(answered, 'base64url').toString().split('.')
      if (!sameDigest(given, proof(use, owner, random, until))) return 'strange'
      return host.clock.now() < Number(until) ? 'fits' : 'late'
    },
    spend(answered) {
      const id = digestOf(`passkey challenge ${Buffer.from(answered, 'base64url')}`)
      return spent.insert({ id, version: 0, expiresAt: host.clock.now() + CHALLENGE_LIFE_MS })
    },
  }
}
