// Records of an account as its pages tell them: moments against the clock, addresses with what is known of the place.
import type { When, Whence } from '@latchkey/verifier-web'
import { digestOf } from '../../oauth/keys/vault.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { Client, TokenFamily } from '../../oauth/records.ts'

/** Long enough that somebody may have forgotten it. */
const UNUSED_MS = 60 * 24 * 60 * 60 * 1000

export function whenOf({ host }: Provider, at: number): When {
  return { at, secondsAgo: Math.max(0, Math.floor((host.clock.now() - at) / 1000)) }
}

export function whenceOf({ places }: Provider, address: string): Whence {
  return { address, ...places.of(address) }
}

export function isUnused({ host }: Provider, { usedAt }: TokenFamily): boolean {
  return host.clock.now() >= usedAt + UNUSED_MS
}

/** Stands for an app in addresses: a client_id may be too long for one, and hold anything. */
export function appId(clientId: string): string {
  return digestOf(clientId)
}

/** The registered name of a client, as far as it is still known. */
export function clientName(client: Client | undefined, clientId: string): string {
  return client?.name ?? clientId
}

/** What a device is called in one line: by its person, by itself, by its app. */
export function deviceName({ label, device, clientId }: TokenFamily, client: Client | undefined): string {
  return label ?? device.name ?? clientName(client, clientId)
}
