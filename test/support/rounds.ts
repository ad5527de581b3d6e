// What a server does again and again, done when the test says so.
import type { Every } from '../../server/src/ops/interval.ts'

export interface Rounds {
  readonly every: Every
  /** Does once whatever is due at least every `milliseconds`, and waits for it. */
  go(milliseconds: number): Promise<void>
  /** How often, in milliseconds, each work that was not ended is done. */
  running(): readonly number[]
}

export function rounds(): Rounds {
  const works = new Set<{ readonly milliseconds: number; readonly work: () => unknown }>()
  return {
    every(milliseconds, work) {
      const entry = { milliseconds, work }
      works.add(entry)
      return () => void works.delete(entry)
    },
    async go(milliseconds) {
      await Promise.all([...works].filter((entry) => entry.milliseconds <= milliseconds).map(({ work }) => work()))
    },
    running: () => [...works].map((entry) => entry.milliseconds),
  }
}
