// The ladder: what a person must show who is not on the device's own network (RFC 10027 §6.1.1). Pure; how the page asks
// is http/link/device-question.ts, what comes of an answer is a step in device-request.ts.
import type { Entropy } from '@latchkey/shared'
import type { Client, DeviceRequest, ScreenNumber } from '../records.ts'

/** One tap; a number found on the device's screen; the last letters of the code typed from it; or nothing will do. */
export type Rung = 'tap' | 'number' | 'letters' | 'block'

export interface Distance {
  readonly sameNetwork: boolean
  /** The whole code was typed here by hand, and did not come with an address. */
  readonly typed: boolean
}

/**
 * A code on its own proves nothing from afar: it travels by mail as well as by eye. A number does not: it is made when
 * the page opens, and goes to the device alone. A device that says it can show one is held to that, so that nobody with
 * a device of the shop is asked for less; whoever writes their own says that they cannot, and meets the fallback.
 */
export function rungFor(
  client: Pick<Client, 'elsewhere' | 'elsewhereFallback'> | undefined,
  request: Pick<DeviceRequest, 'showsNumber'>,
  { sameNetwork, typed }: Distance,
): Rung {
  if (sameNetwork) return 'tap'
  const policy = client?.elsewhere ?? 'match'
  if (policy === 'block') return 'block'
  if (policy !== 'match') return 'tap'
  if (request.showsNumber) return 'number'
  if (client?.elsewhereFallback === 'block') return 'block'
  return typed ? 'tap' : 'letters'
}

const CHOICES = 3
const LEAST = 10
const NUMBERS = 90

/** Three of the numbers from 10 to 99, and which of them the screen shows; every one as likely as every other. */
export function drawNumber(entropy: Entropy): ScreenNumber {
  const choices = new Set<string>()
  while (choices.size < CHOICES) choices.add(String(LEAST + drawBelow(NUMBERS, entropy)))
  const drawn = [...choices]
  const shown = drawn[drawBelow(CHOICES, entropy)] ?? ''
  return { shown, choices: drawn }
}

/** Uniform below `limit`, which is at most 256: bytes past its last whole multiple are thrown away. */
function drawBelow(limit: number, entropy: Entropy): number {
  const fair = 256 - (256 % limit)
  for (;;) {
    const [byte = 0] = entropy(1)
    if (byte < fair) return byte % limit
  }
}
