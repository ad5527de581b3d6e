// What the service tells systemd of itself: that it is up, what it does, that it is alive, that it ends. Without
// NOTIFY_SOCKET everything here is silent. The unit that listens is service-unit.ts.
//
// Node has no datagram sockets for Unix addresses, so the words go through systemd-notify(1). It is not the main process:
// the unit must say NotifyAccess=all. And it must not be gone before systemd has looked up whose child it was; since
// version 246 it waits for that by itself.
import { execFile } from 'node:child_process'
import type { Host } from '@latchkey/shared'

type Environment = Readonly<Record<string, string | undefined>>

/** Runs a program to its end. @throws when it cannot be started or does not end with 0 */
export type RunProgram = (program: string, argv: readonly string[], env: Environment) => Promise<void>

export interface NotifyOptions {
  readonly env: Environment
  readonly host: Pick<Host, 'sleep'>
  /** Told once when systemd cannot be spoken to, in one sentence. */
  readonly onTrouble: (sentence: string) => void
  readonly pid?: number
  readonly run?: RunProgram
}

export interface Watch {
  /** Throws, or says false, when a restart would help; as long as it does not answer, nothing is well. */
  readonly isWell: () => Promise<boolean>
  readonly signal: AbortSignal
}

const PROGRAM = 'systemd-notify'
/** It waits up to 5 s for systemd. */
const LONGEST_RUN_MS = 10_000
/** sd_watchdog_enabled(3) recommends half; a little earlier still, as telling takes a process of its own. */
const PART_OF_WATCHDOG = 0.4

export class SystemdNotify {
  readonly #options: NotifyOptions
  readonly #run: RunProgram
  /** What is to be told next; news of one kind replaces the older. */
  readonly #news = new Map<string, string>()
  #telling: Promise<void> | undefined
  #isTroubled = false

  constructor(options: NotifyOptions) {
    this.#options = options
    this.#run = options.run ?? runProgram
  }

  /** State is loaded; the network is waited for later. */
  ready(): void {
    this.#tell('READY', '1')
  }

  /** One line for `systemctl status`; it must hold no secret, as arguments of programs are public. */
  status(line: string): void {
    this.#tell('STATUS', line.replace(/\s+/g, ' ').slice(0, 200))
  }

  /** The end has begun. Resolves when systemd knows, or cannot be told. */
  async stopping(): Promise<void> {
    this.#tell('STOPPING', '1')
    await this.settled()
  }

  /** Resolves when all that was said so far has been told. */
  async settled(): Promise<void> {
    while (this.#telling) await this.#telling
  }

  /** Milliseconds between two signs of life; undefined where nobody waits for them. */
  get intervalMs(): number | undefined {
    const { env, pid = process.pid } = this.#options
    const period = Number(env['WATCHDOG_USEC'])
    const isForUs = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid)
    const isAsked = Boolean(env['NOTIFY_SOCKET']) && isForUs && Number.isFinite(period) && period > 0
    return isAsked ? (period / 1000) * PART_OF_WATCHDOG : undefined
  }

  /** Gives signs of life while the event loop turns and `isWell`, until the signal aborts. systemd ends us otherwise. */
  async keepWatch({ isWell, signal }: Watch): Promise<void> {
    const interval = this.intervalMs
    if (interval === undefined) return
    while (!signal.aborted) {
      if (await isWell().catch(() => false)) this.#tell('WATCHDOG', '1')
      // Rejects for one reason alone, and the loop looks at that itself.
      await this.#options.host.sleep(interval, signal).catch(() => undefined)
    }
  }

  #tell(name: string, value: string): void {
    if (!this.#options.env['NOTIFY_SOCKET']) return
    this.#news.set(name, value)
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined
    })
  }

  /** One program at a time, so that systemd hears things in the order in which they happened. */
  async #tellAll(): Promise<void> {
    // A turn later, so that what is said in one breath is one message.
    await Promise.resolve()
    while (this.#news.size > 0) {
      const message = [...this.#news].map(([name, value]) => `${name}=${value}`)
      this.#news.clear()
      try {
        await this.#run(PROGRAM, message, this.#options.env)
      } catch (error) {
        if (!this.#isTroubled) this.#options.onTrouble(sentence(error))
        this.#isTroubled = true
      }
    }
  }
}

function sentence(error: unknown): string {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
  return isMissing
    ? `systemd cannot be told how this service does: the program ${PROGRAM} is missing.`
    : `systemd cannot be told how this service does: ${PROGRAM} failed.`
}

const runProgram: RunProgram = (program, argv, env) =>
  new Promise((resolve, reject) => {
    // Only what it needs: the environment of the service may hold secrets.
    const { PATH, NOTIFY_SOCKET } = env
    const options = { env: { PATH, NOTIFY_SOCKET }, timeout: LONGEST_RUN_MS }
    execFile(program, [...argv], options, (error) => (error ? reject(error) : resolve()))
  })
