// The device grant told once more, in the words of the RFCs and of docs/architecture.md, without a look at the server's
// code: one person each device, one link each code, one live token each link. The model test holds the server to this.

export const DAY = 24 * 60 * 60 * 1000
export const CODE_LIFE = 600_000
export const INTERVAL = 5
/** Days, as the server under test is configured. */
export const LIMITS = { idle: 2, absolute: 5, graceSeconds: 60, boundGrace: 1 } as const
/** Refused polls raise the interval no further than this, in seconds. */
const LONGEST_INTERVAL = 60

/** One outcome, or several where the source leaves it open. */
export type Expected = readonly string[]

export interface Link {
  readonly createdAt: number
  usedAt: number
  /** Number of the live token, counted from the first. */
  leaf: number
  /** Until when the token before it is answered with it again. */
  parentUntil: number | undefined
  ended: boolean
}

export interface Request {
  readonly owner: string
  /** Bound to a key by DPoP. */
  readonly bound: boolean
  readonly deadlineAt: number
  decision: 'none' | 'approved' | 'denied'
  /** The pick-up was cut after the code was consumed: the device may come again. */
  halfFetched: boolean
  intervalSeconds: number
  /** Monotonic; when a poll was last answered in substance by this run of the server. */
  answeredAt: number | undefined
  link: Link | undefined
}

export interface Reference {
  wall: number
  monotonic: number
  /** What the server takes for the time: never back within one run, at half speed until the machine has caught up. */
  time: number
  readonly closed: Set<string>
  readonly requests: Request[]
}

export function newReference(wall: number): Reference {
  return { wall, monotonic: 0, time: wall, closed: new Set(), requests: [] }
}

export function advance(model: Reference, milliseconds: number): void {
  model.wall += milliseconds
  model.monotonic += milliseconds
  model.time = Math.max(model.wall, model.time + milliseconds / 2)
}

export function jump(model: Reference, milliseconds: number): void {
  model.wall += milliseconds
  model.time = Math.max(model.wall, model.time)
}

/** A new run knows nothing of the one before: neither its pace nor how far its time had come. */
export function restart(model: Reference): void {
  model.time = model.wall
  for (const request of model.requests) {
    request.answeredAt = undefined
    request.intervalSeconds = INTERVAL
  }
}

export function start(model: Reference, owner: string, bound: boolean): void {
  model.requests.push({
    owner,
    bound,
    deadlineAt: model.time + CODE_LIFE,
    decision: 'none',
    halfFetched: false,
    intervalSeconds: INTERVAL,
    answeredAt: undefined,
    link: undefined,
  })
}

/** Must the answer count, must it not, or may it either way (close to the deadline)? */
export function mayDecide(model: Reference, request: Request): 'yes' | 'no' | 'either' {
  const open = request.decision === 'none' && !model.closed.has(request.owner) && model.time < request.deadlineAt
  if (!open) return 'no'
  return model.time < request.deadlineAt - (LONGEST_INTERVAL + INTERVAL) * 1000 ? 'yes' : 'either'
}

export type Caller = 'itself' | 'another client' | 'another key' | 'no key'

/** What a caller that is not the rightful one hears, whatever the state; undefined for the rightful one. */
function stranger(bound: boolean, caller: Caller): Expected | undefined {
  if (caller === 'another client') return ['invalid_grant']
  if (!bound || caller === 'itself') return undefined
  return caller === 'no key' ? ['invalid_dpop_proof'] : ['invalid_grant', 'expired_token']
}

export function expectPoll(model: Reference, request: Request, caller: Caller): Expected {
  const { link, decision, deadlineAt, halfFetched, answeredAt, intervalSeconds } = request
  const refused = stranger(request.bound, caller)
  if (refused !== undefined) return refused
  // That the account is closed may be told first.
  if (link !== undefined)
    return model.closed.has(request.owner) ? ['invalid_grant', 'access_denied'] : ['invalid_grant']
  if (model.time >= deadlineAt)
    return halfFetched ? ['expired_token', 'invalid_grant', 'access_denied'] : ['expired_token']
  if (decision === 'denied') return ['access_denied']
  if (decision === 'approved') return [model.closed.has(request.owner) ? 'access_denied' : 'tokens']
  if (answeredAt === undefined) return ['authorization_pending']
  const waited = (model.monotonic - answeredAt) / 1000
  if (waited >= intervalSeconds) return ['authorization_pending']
  return waited < INTERVAL - 0.5 ? ['slow_down'] : ['slow_down', 'authorization_pending']
}

/** Takes in what the server said, where it was among what was expected. */
export function polled(model: Reference, request: Request, said: string): void {
  if (said === 'tokens') request.link = newLink(model)
  if (said === 'authorization_pending') request.answeredAt = model.monotonic
  if (said === 'slow_down') request.intervalSeconds = Math.min(request.intervalSeconds + 5, LONGEST_INTERVAL)
}

function newLink(model: Reference): Link {
  return { createdAt: model.time, usedAt: model.time, leaf: 0, parentUntil: undefined, ended: false }
}

export function isAlive(model: Reference, link: Link): boolean {
  const end = Math.min(link.usedAt + LIMITS.idle * DAY, link.createdAt + LIMITS.absolute * DAY)
  return !link.ended && model.time < end
}

/** Decides, and takes in, what the token of that number brings. The number of the token that comes back, or an error. */
export function refresh(model: Reference, request: Request, number: number, caller: Caller): number | Expected {
  const { link } = request
  if (link === undefined) throw new Error('no link to refresh')
  const refused = stranger(request.bound, caller)
  if (refused !== undefined) return refused
  if (!isAlive(model, link) || model.closed.has(request.owner)) return ['invalid_grant']
  if (number === link.leaf) {
    link.leaf++
    link.usedAt = model.time
    link.parentUntil = model.time + (request.bound ? LIMITS.boundGrace * DAY : LIMITS.graceSeconds * 1000)
    return link.leaf
  }
  if (number === link.leaf - 1 && link.parentUntil !== undefined && model.time < link.parentUntil) {
    link.usedAt = model.time
    return link.leaf
  }
  link.ended = true
  return ['invalid_grant']
}

/** The way back in of a device that has its key and nothing else. */
export function rescue(model: Reference, request: Request, caller: Caller): number | Expected {
  const { link } = request
  if (caller === 'no key') return ['invalid_dpop_proof']
  if (caller !== 'itself' || link === undefined) return ['invalid_grant']
  if (!isAlive(model, link) || model.closed.has(request.owner)) return ['invalid_grant']
  link.leaf++
  link.usedAt = model.time
  // What was before is spent: a token that was lost is no way in for who finds it.
  link.parentUntil = undefined
  return link.leaf
}

export function revoke(request: Request): void {
  if (request.link !== undefined) request.link.ended = true
}
