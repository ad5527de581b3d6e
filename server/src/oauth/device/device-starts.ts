// How many device flows may begin (RFC 10027 §6.1.11): per key, per client and network, and how many codes may live at
// once. In memory: a restart forgets it, and each node counts for itself.
import type { Clock } from '@latchkey/shared'
import { OAuthError } from '../errors.ts'
import { createSlicedThrottle, createThrottle, networkOf } from '../throttle.ts'

/** A device asks once while a code lives; people press "new code", and boxes restart. */
export const STARTS_PER_KEY = { most: 10, windowSeconds: 600 }

/**
 * How much of all live codes one client in one network may take. A hotel or a school is one address: at the default
 * cap of 1000, 500 televisions that come back together after a power cut get their codes, and every fifth may ask
 * twice. No single network can take all codes and so shut everybody else out.
 */
export const SHARE_OF_NETWORK = 0.6

export interface Start {
  readonly requestId: string
  readonly clientId: string
  readonly address: string
  readonly jkt: string | undefined
}

export interface DeviceStarts {
  /** From now on its code is live, which means that it can be guessed. Throws `temporarily_unavailable` (429). */
  admit(start: Start): void
  /** The code opens nothing any more: it was decided, or never given out. */
  ended(requestId: string): void
}

export interface StartLimits {
  readonly liveCodes: number
  readonly codeSeconds: number
}

export function createDeviceStarts({ liveCodes, codeSeconds }: StartLimits, clock: Clock): DeviceStarts {
  const perKey = createThrottle(STARTS_PER_KEY, clock)
  const most = Math.max(1, Math.floor(liveCodes * SHARE_OF_NETWORK))
  const perNetwork = createSlicedThrottle({ most, windowSeconds: codeSeconds }, clock)
  // All codes live equally long, so the first is the next to end.
  const endings = new Map<string, number>()
  const secondsUntilFree = (): number => {
    for (const [id, endsAt] of endings) {
      if (clock.monotonic() < endsAt) {
        return endings.size < liveCodes ? 0 : Math.max(1, Math.ceil((endsAt - clock.monotonic()) / 1000))
      }
      endings.delete(id)
    }
    return 0
  }
  return {
    admit({ requestId, clientId, address, jkt }) {
      const key = jkt === undefined ? undefined : `${clientId} ${jkt}`
      // The key first: a device that asks in a loop uses up what is its own, and nothing of its neighbours'.
      if (key !== undefined) {
        refuse(perKey.secondsToWait(key), 'this device asked for too many codes')
        perKey.count(key)
      }
      const network = `${clientId} ${networkOf(address)}`
      refuse(perNetwork.secondsToWait(network), 'too many devices of this network asked for a code')
      perNetwork.count(network)
      refuse(secondsUntilFree(), 'too many codes are waiting for an answer')
      endings.set(requestId, clock.monotonic() + codeSeconds * 1000)
    },
    ended: (requestId) => void endings.delete(requestId),
  }
}

function refuse(waitSeconds: number, description: string): void {
  if (waitSeconds === 0) return
  const headers = { 'Retry-After': String(waitSeconds) }
  throw new OAuthError('temporarily_unavailable', description, { status: 429, headers })
}
