// The one place that knows what is on show. The daemon tells it news; page, files and hook follow it, whoever comes late
// included. How news becomes a state is screen-state.ts.
import type { Clock } from '@latchkey/shared'
import { type ScreenNews, type ScreenState, screenStateOf } from './screen-state.ts'

export interface ScreenSource {
  current(): ScreenState
  /** Calls `listener` after every change. Returns how to stop that. */
  follow(listener: (state: ScreenState) => void): () => void
}

export interface Screen extends ScreenSource {
  /** Fits as `onState` of `DeviceAgent.link`. */
  readonly show: (news: ScreenNews) => void
}

/** A screen that shows `unlinked` until told otherwise. */
export function openScreen(clock: Pick<Clock, 'monotonic'>): Screen {
  const listeners = new Set<(state: ScreenState) => void>()
  let state: ScreenState = { kind: 'unlinked' }
  return {
    current: () => state,
    follow(listener) {
      // Two who follow with the same function are still two.
      const own = (next: ScreenState) => listener(next)
      listeners.add(own)
      return () => listeners.delete(own)
    },
    show(news) {
      const next = screenStateOf(news, state, clock.monotonic())
      if (isSame(next, state)) return
      state = next
      for (const listener of [...listeners]) listener(state)
    },
  }
}

function isSame(one: ScreenState, other: ScreenState): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
