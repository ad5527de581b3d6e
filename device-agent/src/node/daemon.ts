// The daemon: one loop that does what core/daemon-step.ts says, for as long as the process lives. It owns the waiting, the
// trigger and what the screens are told; the agent does the work. Which screens and programs there are is main.ts.
import type { Host } from '@latchkey/shared'
import type { DeviceAgent, Linked, LinkState } from '../core/agent.ts'
import { type DaemonEvent, type DaemonState, daemonStep, type Start } from '../core/daemon-step.ts'
import { AgentError } from '../core/errors.ts'
import type { LinkRequest } from '../core/link-request.ts'
import { backoffSeconds } from '../core/pace.ts'

/** What screens and logs are told. */
export type DaemonNews =
  | LinkState
  | { readonly kind: 'unlinked' }
  /** Somebody has this code on their phone. */
  | { readonly kind: 'opened'; readonly request: LinkRequest }
  | { readonly kind: 'refreshing' }
  | { readonly kind: 'offline'; readonly reason: string; readonly inSeconds: number }
  | { readonly kind: 'needs_linking' }

export interface DaemonOptions {
  readonly agent: DeviceAgent
  readonly host: Host
  readonly onNews: (news: DaemonNews) => void
  /** Where many start together, as after a power cut, each waits a random part of this first. 0 unless said. */
  readonly splaySeconds?: number | undefined
  /** Ends as soon as there is a link with a fresh token, or it takes a person or a server to get one. */
  readonly once?: boolean | undefined
  readonly signal: AbortSignal
}

export interface Daemon {
  readonly state: DaemonState | Start
  /** Somebody on the spot wants a code. Does nothing while one is shown, or when there is a link. */
  trigger(): void
  /**
   * Runs until the signal aborts. Then what would lose tokens is given three seconds to end. With `once`: until the goal
   * is reached.
   *
   * @throws AgentError `storage` or `usage` for what is wrong from the start; with `once`, why the goal was not reached
   */
  run(): Promise<void>
}

/** Somebody else may have linked or unlinked this device. */
const LOOK_EVERY_MS = 15_000
/** However short its tokens live, a server is asked for the next one this seldom. */
const REFRESH_EVERY_MS = 15_000
const STOP_WITHIN_MS = 3_000

export function daemon(options: DaemonOptions): Daemon {
  const { agent, host, onNews, splaySeconds = 0, once = false, signal } = options
  let state: DaemonState | Start = { kind: 'starting' }
  let isTriggered = false
  let refreshedAt = Number.NEGATIVE_INFINITY
  let nap: AbortController | undefined

  const hear = (event: DaemonEvent): void => {
    state = daemonStep(state, event)
  }

  /** Until `milliseconds` have passed or somebody wants something. */
  const rest = async (milliseconds: number): Promise<void> => {
    signal.throwIfAborted()
    if (isTriggered) return
    const own = new AbortController()
    nap = own
    await host.sleep(milliseconds, own.signal).catch((error: unknown) => {
      if (!own.signal.aborted) throw error
    })
    signal.throwIfAborted()
  }

  /** The disk may be slow to come back: what cannot be read now changes nothing. */
  const look = async (): Promise<DaemonEvent> => {
    try {
      return { kind: 'found', what: await agent.found() }
    } catch (error) {
      if (error instanceof AgentError) return { kind: 'failed', error }
      throw error
    }
  }
  const tellLinked = async (): Promise<void> => {
    const linked: Linked | undefined = await agent.linked()
    if (linked) onNews({ kind: 'linked', linked })
  }

  const onState = (news: LinkState): void => {
    if (news.kind === 'waiting') hear({ kind: 'code_shown' })
    if (news.kind === 'waiting' && news.opened) onNews({ kind: 'opened', request: news.request })
    // Where a pause follows, `offline` tells more.
    else if (news.kind !== 'failed' || daemonStep(state, news).kind !== 'offline') onNews(news)
  }
  const link = async (): Promise<void> => {
    const how = { signal, onState }
    if (!(await agent.resume(how))) await agent.link(how)
  }
  const refresh = async (): Promise<void> => {
    onNews({ kind: 'refreshing' })
    await agent.accessToken({ signal, minimumSecondsLeft: Number.POSITIVE_INFINITY })
    refreshedAt = host.clock.monotonic()
    await tellLinked()
  }
  /** Does `work`, and says how it went. What is no AgentError is a mistake of ours or the end of the process. */
  const attempt = async (work: () => Promise<void>): Promise<DaemonEvent> => {
    try {
      await work()
      return { kind: 'done' }
    } catch (error) {
      if (signal.aborted || !(error instanceof AgentError)) throw error
      return { kind: 'failed', error }
    }
  }

  const pause = async (offline: DaemonState & { readonly kind: 'offline' }): Promise<DaemonEvent> => {
    const { error, failures, goal } = offline
    const own = backoffSeconds(host.entropy, failures - 1, error.retryAfterSeconds)
    const seconds = goal === 'refresh' && agent.quietSeconds > 0 ? agent.quietSeconds : own
    onNews(
      error.reason === 'storage'
        ? { kind: 'failed', error }
        : { kind: 'offline', reason: error.message, inSeconds: seconds },
    )
    const end = host.clock.monotonic() + seconds * 1000
    for (let left = seconds * 1000; left > 0; left = end - host.clock.monotonic()) {
      await rest(Math.min(Math.ceil(left), LOOK_EVERY_MS))
      if (isTriggered) return { kind: 'triggered' }
      const found = await look()
      if (daemonStep(offline, found) !== offline) return found
    }
    return { kind: 'paused' }
  }

  const wait = async (): Promise<DaemonEvent> => {
    const due = state.kind === 'linked' ? await agent.secondsUntilRefresh().catch(noneIfUnreadable) : noneIfUnreadable()
    if (due === 0 && host.clock.monotonic() - refreshedAt >= REFRESH_EVERY_MS) {
      // Nothing to refresh may also mean that somebody has just unlinked this device.
      const found = await look()
      return daemonStep(state, found) === state ? { kind: 'refresh_due' } : found
    }
    await rest(due === 0 ? REFRESH_EVERY_MS : Math.min(Math.ceil(due * 1000), LOOK_EVERY_MS))
    return isTriggered ? { kind: 'triggered' } : look()
  }

  const next = (): Promise<DaemonEvent> => {
    if (state.kind === 'linking') return attempt(link)
    if (state.kind === 'refreshing') return attempt(refresh)
    return state.kind === 'offline' ? pause(state) : wait()
  }

  const live = async (): Promise<void> => {
    const splayMs = (splaySeconds * 1000 * (host.entropy(1)[0] ?? 0)) / 256
    if (splayMs > 0) await host.sleep(splayMs, signal)
    hear({ kind: 'found', what: await agent.found() })
    if (state.kind === 'linked') {
      // Clears away a code that is left over.
      await agent.resume()
      await tellLinked()
    }
    for (;;) {
      if (once && state.kind === 'linked' && (await agent.secondsUntilRefresh()) > 0) return
      const before = state
      const event = await next()
      isTriggered = false
      hear(event)
      if (state.kind !== before.kind) tellChange(before, event)
      if (event.kind === 'failed' && (once || event.error.reason === 'usage')) throw event.error
    }
  }
  const tellChange = (before: DaemonState | Start, event: DaemonEvent): void => {
    if (state.kind === 'needs_linking') onNews({ kind: 'needs_linking' })
    // After a failed attempt the screen keeps saying how it failed.
    if (state.kind === 'unlinked' && before.kind !== 'linking') onNews({ kind: 'unlinked' })
    if (state.kind === 'linked' && event.kind === 'found') tellLinked().catch(() => undefined)
  }

  return {
    get state() {
      return state
    },
    trigger() {
      isTriggered = daemonStep(state, { kind: 'triggered' }) !== state && state.kind !== 'starting'
      if (isTriggered) nap?.abort()
    },
    async run() {
      let end: () => void = () => undefined
      const ended = new Promise<void>((resolve) => {
        end = resolve
      })
      const stop = () => {
        nap?.abort()
        end()
      }
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
      const life = live()
      await Promise.race([life.catch(throwUnlessStopped), ended])
      signal.removeEventListener('abort', stop)
      if (!signal.aborted) return
      const over = new AbortController()
      const patience = host.sleep(STOP_WITHIN_MS, over.signal).catch(() => undefined)
      await Promise.race([Promise.allSettled([life, agent.settled()]), patience])
      over.abort()
    },
  }

  function throwUnlessStopped(error: unknown): void {
    if (!signal.aborted) throw error
  }
}

/** What cannot be read is looked at again after a while. */
function noneIfUnreadable(error?: unknown): number {
  if (error !== undefined && !(error instanceof AgentError)) throw error
  return Number.POSITIVE_INFINITY
}
