// The machine that a test owns: time passes only when the test says so, and randomness repeats.
import type { Clock, Host } from '@latchkey/shared'

export interface FakeHost extends Host {
  readonly clock: Clock & {
    /** Moves the wall clock alone, as a person, a time server or a missing battery does. */
    jump(milliseconds: number): void
  }
  /** Lets time pass: everybody who sleeps is woken when their moment comes, in order, and may go to sleep again. */
  advance(milliseconds: number): Promise<void>
  /** Lets time pass as far as `work` needs it, and returns what it returns. Whenever nothing else moves, the next sleeper wakes. */
  run<T>(work: Promise<T>): Promise<T>
  /** Lets real I/O (files, sockets) go on, with time standing still, until `condition` holds. */
  until(condition: () => boolean): Promise<void>
  /** How long, in milliseconds, each sleeper still has to wait, soonest first. */
  asleep(): readonly number[]
}

interface Sleeper {
  readonly at: number
  wake(): void
}

/** Turns of the event loop given to the code under test after each wake-up: enough for any chain of promises and small I/O. */
const TURNS = 12

/** A host that starts at `startAt` (epoch milliseconds). The same `seed` gives the same "random" bytes. */
export function fakeHost(options: { readonly startAt?: number; readonly seed?: number } = {}): FakeHost {
  let wall = options.startAt ?? Date.UTC(2030, 0, 15, 12)
  let monotonic = 1_000_000
  const sleepers: Sleeper[] = []

  const remove = (sleeper: Sleeper): void => {
    const index = sleepers.indexOf(sleeper)
    if (index >= 0) sleepers.splice(index, 1)
  }
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  const moveTo = (at: number): void => {
    wall += Math.max(0, at - monotonic)
    monotonic = Math.max(monotonic, at)
  }
  const wakeNext = async (): Promise<void> => {
    const next = sleepers[0]
    if (!next) return
    moveTo(next.at)
    remove(next)
    next.wake()
    await settle()
  }

  return {
    clock: {
      now: () => wall,
      monotonic: () => monotonic,
      jump: (milliseconds) => {
        wall += milliseconds
      },
    },
    entropy: seededEntropy(options.seed ?? 1),
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const onAbort = () => {
          remove(sleeper)
          reject(signal?.reason)
        }
        const sleeper: Sleeper = {
          at: monotonic + Math.max(0, milliseconds),
          wake: () => {
            signal?.removeEventListener('abort', onAbort)
            resolve()
          },
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        // Behind everybody who wakes at the same moment: first come, first woken.
        const later = sleepers.findIndex((other) => other.at > sleeper.at)
        sleepers.splice(later < 0 ? sleepers.length : later, 0, sleeper)
      }),
    async advance(milliseconds) {
      const end = monotonic + milliseconds
      await settle()
      for (let next = sleepers[0]; next && next.at <= end; next = sleepers[0]) await wakeNext()
      moveTo(end)
      await settle()
    },
    async run(work) {
      let finished = false
      const finish = () => {
        finished = true
      }
      work.then(finish, finish)
      for (;;) {
        await settle()
        if (finished) return work
        await wakeNext()
      }
    },
    async until(condition) {
      while (!condition()) await settle()
    },
    asleep: () => sleepers.map((sleeper) => sleeper.at - monotonic),
  }
}

/** xorshift32: repeatable and well spread; never for real secrets. */
function seededEntropy(seed: number): Host['entropy'] {
  let state = (seed * 2_654_435_761) >>> 0 || 1
  return (size) =>
    Uint8Array.from({ length: size }, () => {
      state ^= state << 13
      state ^= state >>> 17
      state = (state ^ (state << 5)) >>> 0
      return state >>> 24
    })
}
