import { describe, expect, it } from 'vitest'
import { drawNumber, rungFor } from '../../server/src/oauth/device/ladder.ts'
import { fakeHost } from '../support/fake-host.ts'

describe('the ladder', () => {
  const shows = { showsNumber: true } as const
  const afar = { sameNetwork: false, typed: false }

  it.each([
    [undefined, {}, 'letters'],
    [undefined, shows, 'number'],
    [{}, {}, 'letters'],
    [{ elsewhere: 'allow' }, shows, 'tap'],
    [{ elsewhere: 'warn' }, shows, 'tap'],
    [{ elsewhere: 'match' }, {}, 'letters'],
    [{ elsewhere: 'match' }, shows, 'number'],
    [{ elsewhere: 'match', elsewhereFallback: 'letters' }, {}, 'letters'],
    [{ elsewhere: 'match', elsewhereFallback: 'block' }, {}, 'block'],
    [{ elsewhere: 'match', elsewhereFallback: 'block' }, shows, 'number'],
    [{ elsewhere: 'block' }, shows, 'block'],
  ] as const)('DEV-23 from afar, %j and a device %j: %s; in the same network always a tap', (client, device, rung) => {
    expect(rungFor(client, device, afar)).toBe(rung)
    expect(rungFor(client, device, { ...afar, sameNetwork: true })).toBe('tap')
    // A code that was typed by hand was read somewhere: no letters on top, but nothing else is let off.
    expect(rungFor(client, device, { ...afar, typed: true })).toBe(rung === 'letters' ? 'tap' : rung)
  })

  it('DEV-23 three different numbers of two digits, the shown one among them, every place and number about as often', () => {
    const { entropy } = fakeHost()
    const places = [0, 0, 0]
    const seen = new Map<string, number>()
    const draws = 9_000
    for (let draw = 0; draw < draws; draw++) {
      const { shown, choices } = drawNumber(entropy)
      expect(new Set(choices).size).toBe(3)
      for (const number of choices) expect(number).toMatch(/^[1-9]\d$/)
      places[choices.indexOf(shown)] = (places[choices.indexOf(shown)] ?? 0) + 1
      seen.set(shown, (seen.get(shown) ?? 0) + 1)
    }
    // Six standard deviations: 3000 ± 268, 100 ± 60.
    for (const count of places) expect(Math.abs(count - draws / 3)).toBeLessThan(268)
    expect(seen.size).toBe(90)
    for (const count of seen.values()) expect(Math.abs(count - draws / 90)).toBeLessThan(60)
  })
})
