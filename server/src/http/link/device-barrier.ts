// The sign-in that a device wants before its answer is taken (`max_age`, `acr_values`): whether this one will do, which
// ways in could, and what the account lacks where none of them can. Whether the request is still open at all is
// device-standing.ts.
import type { OutcomeModel } from '@latchkey/verifier-web'
import { knowsPasskeys } from '../../accounts/passkeys.ts'
import { additionsThat, howMany, type Suits, type Ways, waysOf, waysThat } from '../../accounts/reach.ts'
import type { SignedIn } from '../../accounts/sessions.ts'
import type { UpstreamSettings } from '../../accounts/upstream-settings.ts'
import { earnsOneOf } from '../../oauth/acr.ts'
import { isRecentEnough } from '../../oauth/authorization.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { BrowserSession, DeviceRequest } from '../../oauth/records.ts'

/** What keeps an answer from being taken, though the code is good; undefined when nothing does. */
export type Barrier = 'sign_in' | Pick<OutcomeModel, 'lacks'> | undefined

export interface Barriers {
  barrierFor(device: DeviceRequest, signedIn: SignedIn): Promise<Barrier>
  /** What signs this person in, as far as it could be enough for the device; `stronger`: their last sign-in was not. */
  waysFor(device: DeviceRequest | undefined, signedIn: SignedIn): Promise<Ways & { readonly stronger: boolean }>
}

export function createBarriers(provider: Provider, upstreams: readonly UpstreamSettings[]): Barriers {
  const { store, host, issuer, acr } = provider
  const wantedBy = ({ acrValues }: Pick<DeviceRequest, 'acrValues'>): Suits | undefined =>
    acrValues && ((amr) => earnsOneOf(acr, acrValues, amr))

  return {
    async barrierFor(device, { user, session }) {
      const suits = wantedBy(device)
      const isRecent = isRecentEnough({ ...device, prompt: [] }, session, host.clock.now())
      if (suits === undefined || suits(session.amr)) return isRecent ? undefined : 'sign_in'
      const ways = await waysOf(store, upstreams, user)
      const fitting = waysThat(suits, ways)
      // Said at once: a sign-in that cannot do is not asked for first.
      if (howMany(fitting) === 0) {
        return { lacks: additionsThat(suits, ways, { passkeys: knowsPasskeys(issuer), upstreams }) }
      }
      // Whoever has just signed in by what could have been enough, and was not, would only be asked for the same again.
      return isRecent && session.authenticatedAt >= device.createdAt && mayBeOf(session, fitting) ? {} : 'sign_in'
    },
    async waysFor(device, { user, session }) {
      const ways = await waysOf(store, upstreams, user)
      const suits = device && wantedBy(device)
      const fitting = suits && waysThat(suits, ways)
      if (suits === undefined || fitting === undefined || howMany(fitting) === 0) return { ...ways, stronger: false }
      return { ...fitting, stronger: !suits(session.amr) }
    },
  }
}

/** Whether the session may have come of one of these. What another provider says may look like any. */
function mayBeOf({ amr }: Pick<BrowserSession, 'amr'>, { password, passkeys, upstreams }: Ways): boolean {
  return upstreams.length > 0 || (amr.includes('pop') ? passkeys.length > 0 : password)
}
