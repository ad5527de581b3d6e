// One code and the wait for its answer. The same object feeds the screen and the poller, so that a screen can never show
// code B while the device asks for code A. It starts no new code: that takes a new trigger (RFC 8628 §3.5), see agent.ts.
import { codeChallengeOf, type Host, makeCodeVerifier } from '@latchkey/shared'
import {
  type Answer,
  type Client,
  type DeviceAuthorization,
  type DeviceDescription,
  offersCodeChallenge,
  offersWayBack,
  pollDeviceToken,
  requestDeviceCode,
  signBackIn,
  type Tokens,
} from './client.ts'
import { type NewsLine, openNewsLine } from './device-news.ts'
import { AgentError, isAgentError } from './errors.ts'
import { hasWebCrypto } from './keys.ts'
import { afterAnswer, afterSlowDown, afterTrouble, type Pace, waitSeconds } from './pace.ts'
import type { PendingLink, PendingTerms } from './pending-link.ts'

/** What a screen may know of a request that waits for a person. */
export class LinkRequest {
  readonly userCode: string
  readonly verificationUri: string
  readonly verificationUriComplete: string | undefined
  /** On the host's monotonic clock, milliseconds. */
  readonly expiresAtMonotonic: number
  readonly intervalSeconds: number
  // Private even to a debugger's printout: whoever holds these collects the tokens.
  readonly #deviceCode: string
  readonly #codeVerifier: string | undefined
  readonly #host: Host
  #number: string | undefined

  constructor(host: Host, answer: DeviceAuthorization, askedAtMonotonic: number, codeVerifier?: string) {
    this.userCode = answer.userCode
    this.verificationUri = answer.verificationUri
    this.verificationUriComplete = answer.verificationUriComplete
    this.intervalSeconds = answer.intervalSeconds
    this.expiresAtMonotonic = askedAtMonotonic + answer.expiresInSeconds * 1000
    this.#deviceCode = answer.deviceCode
    this.#codeVerifier = codeVerifier
    this.#host = host
  }

  /** Seconds until the code is worthless; 0 when it is. */
  secondsLeft(): number {
    return Math.max(0, (this.expiresAtMonotonic - this.#host.clock.monotonic()) / 1000)
  }

  /** Two digits for the screen: a person elsewhere is asked on the phone which ones it shows. None until then. */
  get number(): string | undefined {
    return this.#number
  }

  /** Once: a second one would take away what somebody is looking for. Returns whether it is to be shown from now on. */
  takeNumber(number: string | undefined): boolean {
    if (number === undefined || this.#number !== undefined) return false
    this.#number = number
    return true
  }

  poll(client: Client, how: Parameters<typeof pollDeviceToken>[2]): Promise<Answer<Tokens>> {
    const code = { deviceCode: this.#deviceCode, codeVerifier: this.#codeVerifier, shownNumber: this.#number }
    return pollDeviceToken(client, code, how)
  }

  /** The line on which the server tells of this code; undefined where there is none. */
  listen(client: Client, onChange: (line: NewsLine) => void): NewsLine | undefined {
    const { host, sockets, metadata } = client
    const url = metadata.device_events_endpoint
    if (url === undefined || sockets === undefined) return undefined
    return openNewsLine({ host, sockets, url, hello: { device_code: this.#deviceCode }, onChange })
  }

  /** For a safe place alone: it holds what collects the tokens. `intervalSeconds` is the pace of now. */
  toKeep(terms: PendingTerms, intervalSeconds = this.intervalSeconds): PendingLink {
    const { clock } = this.#host
    const { userCode, verificationUri, verificationUriComplete } = this
    const secrets = { deviceCode: this.#deviceCode, codeVerifier: this.#codeVerifier }
    const askedAt = clock.now()
    const expiresAt = askedAt + this.expiresAtMonotonic - clock.monotonic()
    const shown = { userCode, verificationUri, verificationUriComplete }
    return { ...terms, ...secrets, ...shown, askedAt, expiresAt, intervalSeconds }
  }
}

/** The request that was kept, with what is left of its time; undefined when nothing is. */
export function reopenLinkRequest(host: Host, kept: PendingLink): LinkRequest | undefined {
  const { deviceCode, userCode, verificationUri, verificationUriComplete, intervalSeconds, codeVerifier } = kept
  const now = host.clock.now()
  // Kept in the future: the clock was set back, so nobody knows how old it is. The server does.
  const expiresInSeconds = (kept.expiresAt - Math.max(now, kept.askedAt)) / 1000
  if (expiresInSeconds <= 0) return undefined
  const answer = { deviceCode, userCode, verificationUri, verificationUriComplete, intervalSeconds, expiresInSeconds }
  return new LinkRequest(host, answer, host.clock.monotonic(), codeVerifier)
}

/** Something a screen should show about a waiting request. */
export type WaitingState =
  | {
      readonly kind: 'waiting'
      readonly request: LinkRequest
      /** Somebody has the code on their phone: the screen can say "continue there", and show `request.number`. */
      readonly opened?: true
    }
  | { readonly kind: 'retrying'; readonly request: LinkRequest; readonly reason: string; readonly inSeconds: number }

/** Asks for a code, once. @throws AgentError `refused`, `unreachable` or `untrusted`. */
export async function openLinkRequest(
  client: Client,
  wish: {
    readonly scope?: string | undefined
    readonly resource?: string | undefined
    readonly device?: DeviceDescription | undefined
    readonly showsNumber?: boolean | undefined
  },
  signal?: AbortSignal,
): Promise<LinkRequest> {
  const challenged = offersCodeChallenge(client.metadata) && hasWebCrypto()
  const verifier = challenged ? makeCodeVerifier(client.host.entropy) : undefined
  const codeChallenge = verifier === undefined ? undefined : await codeChallengeOf(verifier)
  const askedAt = client.host.clock.monotonic()
  const { scope, resource, device, showsNumber } = wish
  const answer = await requestDeviceCode(client, { scope, resource, device, codeChallenge, showsNumber }, signal)
  if (answer.kind === 'refused') throw refused(answer.error, answer.description)
  return new LinkRequest(client.host, answer.value, askedAt, verifier)
}

/**
 * Does `reach` until it reaches the server, for as long as the code is good.
 *
 * @throws AgentError `unreachable` when the code ran out before; what `reach` throws otherwise
 */
export async function reachInTime<T>(
  host: Host,
  request: LinkRequest,
  reach: () => Promise<T>,
  how: { readonly show: (state: WaitingState) => void; readonly signal?: AbortSignal | undefined },
): Promise<T> {
  let pace: Pace = { intervalSeconds: request.intervalSeconds, troubles: 0 }
  for (;;) {
    try {
      return await reach()
    } catch (error) {
      if (!isAgentError(error, 'unreachable')) throw error
      pace = afterTrouble(pace)
      const inSeconds = waitSeconds(pace, error.retryAfterSeconds)
      how.show({ kind: 'retrying', request, reason: error.message, inSeconds })
      await host.sleep(Math.min(inSeconds, request.secondsLeft()) * 1000, how.signal)
      if (request.secondsLeft() === 0) throw ranOut(pace)
    }
  }
}

/** A server that tells is asked this seldom, in case that it forgets. */
const SAFETY_SECONDS = 60
/** RFC 7240: how long the server may hold an answer. Shorter than the 30 s after which an answer counts as lost. */
const HOLD_SECONDS = 25
/** A proxy that cuts held answers off is not asked for them for ever. */
const MOST_LOST_HOLDS = 2

/**
 * Waits until the person has decided (RFC 8628 §3.5): hears of it where the server tells, else lets the server hold the
 * answer, else polls. Whatever was heard, what counts is what the token endpoint answers. Every wait is measured from the
 * previous answer, on the monotonic clock. When an approval was given but its answer got lost, the device's key, where the
 * server takes that, asks for it again, for as long as the code is good.
 *
 * @throws AgentError `denied`, `expired`, `lost_approval`, `refused`, `untrusted`; `unreachable` when the code ran out
 *   while there was no answer.
 */
export async function awaitDecision(
  client: Client,
  request: LinkRequest,
  how: {
    readonly resource?: string | undefined
    readonly show: (state: WaitingState) => void
    /** Told when the server slows us down for good. */
    readonly onInterval?: ((intervalSeconds: number) => Promise<void>) | undefined
    /** The process before this one may have died with the answer in its hands. */
    readonly isResumed?: boolean | undefined
    readonly signal?: AbortSignal | undefined
  },
): Promise<Tokens> {
  const { resource, show, onInterval, signal } = how
  const { host, key, metadata } = client
  const { clock } = host
  const back = key && offersWayBack(metadata) && (() => signBackIn({ ...client, key }, resource, signal))
  const mayHold = metadata.device_events_endpoint !== undefined
  const alarm = alarmClock(host, signal)
  let pace: Pace = { intervalSeconds: request.intervalSeconds, troubles: 0 }
  let wait = waitSeconds(pace)
  /** What the server itself asked for, whatever is heard meanwhile. */
  let quiet = 0
  let answeredAt = clock.monotonic()
  let answerWasLost = how.isResumed ?? false
  let approvalWasLost = false
  let lostHolds = 0
  let isTold = false
  // The first poll is never put off: what is wrong with this client shows there and not on the line.
  let wasAnswered = false

  let wasOpened = false
  const showWaiting = () => show(wasOpened ? { kind: 'waiting', request, opened: true } : { kind: 'waiting', request })
  /** Returns whether there is a number now that there was not before. */
  const tellOpened = (number: string | undefined): boolean => {
    const isNew = request.takeNumber(number)
    if (wasOpened && !isNew) return false
    wasOpened = true
    showWaiting()
    return isNew
  }
  const line = request.listen(client, (news) => {
    if (news.isOpened) tellOpened(news.number)
    if (news.verdict !== undefined) isTold = true
    alarm.ring()
  })

  /** Resolves when it is time to ask. */
  const untilDue = async (): Promise<void> => {
    for (;;) {
      const rest = isTold ? quiet : line?.state === 'live' && wasAnswered ? Math.max(wait, SAFETY_SECONDS) : wait
      const dueIn = answeredAt + rest * 1000 - clock.monotonic()
      const left = request.secondsLeft() * 1000
      if (left <= 0) throw ranOut(pace)
      if (dueIn <= 0) return
      await alarm.sleep(Math.min(dueIn, left))
    }
  }

  show({ kind: 'waiting', request })
  try {
    for (;;) {
      await untilDue()
      isTold = false
      const canHold = mayHold && line?.state !== 'live' && line?.verdict === undefined && lostHolds < MOST_LOST_HOLDS
      const waitFor = canHold ? Math.min(HOLD_SECONDS, Math.floor(request.secondsLeft())) || undefined : undefined
      const askedAt = clock.monotonic()
      let answer: Answer<Tokens>
      try {
        answer = await (back && approvalWasLost ? back() : request.poll(client, { waitSeconds: waitFor, signal }))
      } catch (error) {
        if (!isAgentError(error, 'unreachable')) throw error
        answeredAt = clock.monotonic()
        if (waitFor !== undefined) lostHolds++
        answerWasLost = true
        pace = afterTrouble(pace)
        quiet = error.retryAfterSeconds ?? 0
        wait = waitSeconds(pace, quiet)
        show({ kind: 'retrying', request, reason: error.message, inSeconds: wait })
        continue
      }
      answeredAt = clock.monotonic()
      if (answer.kind === 'granted') return answer.value
      if (approvalWasLost) throw lostApproval(answer.error)
      const hadTrouble = pace.troubles > 0
      const wasCalled = answer.number !== undefined && tellOpened(answer.number) && answer.wasHeld
      if (answer.error === 'authorization_pending') pace = afterAnswer(pace)
      else if (answer.error === 'slow_down') {
        pace = afterSlowDown(pace, answer.intervalSeconds)
        await onInterval?.(pace.intervalSeconds)
      } else if (answer.error === 'invalid_grant' && answerWasLost) {
        if (!back) throw lostApproval(answer.error)
        approvalWasLost = true
        wait = 0
        continue
      } else throw ended(answer.error, answer.description)
      answerWasLost = false
      wasAnswered = true
      quiet = answer.retryAfterSeconds ?? 0
      wait = waitSeconds(pace, quiet)
      // The server counts from when it was asked; one that held its answer for longer than the interval may be asked again.
      // So may one that ended the wait to name a number: it goes on where it was.
      if (wasCalled || (answer.wasHeld && answeredAt - askedAt > (pace.intervalSeconds + 1) * 1000)) wait = quiet
      if (hadTrouble) showWaiting()
    }
  } finally {
    line?.close()
  }
}

function lostApproval(oauthError: string): AgentError {
  const message = 'The approval was given, but the answer got lost on the way. Link again.'
  return new AgentError('lost_approval', message, { oauthError })
}

function ended(error: string, description: string | undefined): AgentError {
  if (error === 'access_denied')
    return new AgentError('denied', 'The request was refused on the phone.', { oauthError: error })
  if (error === 'expired_token') return ranOut()
  return refused(error, description)
}

function ranOut(pace?: Pace): AgentError {
  return pace && pace.troubles > 0
    ? new AgentError('unreachable', 'The code ran out while the server could not be reached. Link again.')
    : new AgentError('expired', 'The code has run out. Link again for a new one.')
}

/** The server's refusal as an error, in one line: the description is for developers and is quoted. */
export function refused(error: string, description?: string): AgentError {
  const detail = description === undefined ? '' : `: ${description}`
  return new AgentError('refused', `The server refused (${error})${detail}`, { oauthError: error })
}

/** Sleeps that something heard may end early. */
function alarmClock(host: Host, signal: AbortSignal | undefined) {
  let nap: AbortController | undefined
  return {
    ring: () => nap?.abort(),
    /** At least one millisecond: a timer may fire a little early, and whoever sleeps here looks at the clock again. */
    async sleep(milliseconds: number): Promise<void> {
      signal?.throwIfAborted()
      const own = new AbortController()
      nap = own
      const onAbort = () => own.abort()
      signal?.addEventListener('abort', onAbort, { once: true })
      try {
        await host.sleep(Math.ceil(milliseconds), own.signal)
      } catch (error) {
        if (!own.signal.aborted) throw error
      } finally {
        signal?.removeEventListener('abort', onAbort)
      }
      signal?.throwIfAborted()
    },
  }
}
