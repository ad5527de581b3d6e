// Whether a click was meant for this page. A window of somebody else that closes at the first press of a double click
// leaves the second to whatever lies beneath, and that may be a yes of ours. So a press counts only once the page has
// been in front for as long as a double click takes. One that brings the page to the front itself does not count either:
// a window that steps aside instead of closing looks the same. Who listens is steady.ts.

/** As long as a double click may take, where nobody has changed that. */
export const DOUBLE_CLICK_MS = 500

/** All times are milliseconds on one clock that only goes forward. */
export interface Front {
  /** The page is the one in front again. */
  came(at: number): void
  /** By finger, pen or mouse. */
  pressed(at: number): void
  /**
   * Whether the click that comes now is to be ignored. `detail` is that of its event: 0 says that no pointer clicked. Keys
   * are never ignored, nor what assistive technology clicks without a press: neither can be lured by what lies above.
   */
  ignores(detail: number): boolean
}

/** `cameAt`: since when it has been in front. */
export function createFront(cameAt: number): Front {
  let pressedAt: number | undefined
  return {
    came(at) {
      cameAt = at
    },
    pressed(at) {
      pressedAt = at
    },
    ignores(detail) {
      const isHasty = detail > 0 && pressedAt !== undefined && pressedAt - cameAt < DOUBLE_CLICK_MS
      pressedAt = undefined
      return isHasty
    },
  }
}
