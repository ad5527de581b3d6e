// When a click on a page that asks for a yes is meant for it, over time. In a browser: ../attacks/lured-click.test.ts.
import { describe, expect, it } from 'vitest'
import { createFront, DOUBLE_CLICK_MS } from '../../verifier-web/src/browser/front.ts'

const LATER = 60_000
const KEY = 0
const POINTER = 1

/** A press that begins at `at`, and the click that comes of it. */
function click(front: ReturnType<typeof createFront>, at: number): boolean {
  front.pressed(at)
  return front.ignores(POINTER)
}

describe('a click', () => {
  it('NEG-16 is ignored for as long as a double click takes, from the first paint and from each return to the front', () => {
    const painted = 1234
    const front = createFront(painted)
    for (const cameAt of [painted, LATER, 2 * LATER]) {
      if (cameAt !== painted) front.came(cameAt)
      for (const soon of [0, 1, DOUBLE_CLICK_MS - 1]) expect(click(front, cameAt + soon)).toBe(true)
      for (const meant of [DOUBLE_CLICK_MS, LATER - 1]) expect(click(front, cameAt + meant)).toBe(false)
    }
  })

  it('WEB-02 of somebody who came by themselves counts from the start; after a return to the front it waits like any', () => {
    const front = createFront(Number.NEGATIVE_INFINITY)
    expect(click(front, 0)).toBe(false)
    front.came(1)
    expect(click(front, DOUBLE_CLICK_MS)).toBe(true)
    expect(click(front, DOUBLE_CLICK_MS + 1)).toBe(false)
  })

  it('NEG-16 counts from its press: holding the button down makes no answer of it, nor does a page that comes in between', () => {
    const front = createFront(0)
    front.pressed(LATER)
    front.came(LATER + 1)
    expect(front.ignores(POINTER)).toBe(true)
  })

  it('UX-07 by a key, or by assistive technology that presses nothing, is never ignored, whatever was pressed before', () => {
    const front = createFront(0)
    expect(front.ignores(KEY)).toBe(false)
    expect(front.ignores(POINTER)).toBe(false)
    // A finger that scrolled: no click came of it.
    front.pressed(1)
    expect(front.ignores(KEY)).toBe(false)
    expect(click(front, 2)).toBe(true)
    expect(front.ignores(POINTER)).toBe(false)
  })
})
