// What the daemon does next, as one pure step. Its goal is a link with a fresh token; a code is asked for once for each
// trigger (RFC 8628 §3.5), and the start of the daemon is one. Waiting, asking and telling is node/daemon.ts.
import type { AgentError } from './errors.ts'

export type DaemonState =
  /** No link, and nobody has asked for one: waits for a trigger. */
  | { readonly kind: 'unlinked' }
  /** Asks for a code, or shows one and waits for the person. `failures`: tries in a row that brought no code. */
  | { readonly kind: 'linking'; readonly failures: number; readonly hasCode: boolean }
  | { readonly kind: 'linked' }
  | { readonly kind: 'refreshing'; readonly failures: number }
  /** No usable answer, or no room on the disk: tries again by itself, for ever. */
  | {
      readonly kind: 'offline'
      readonly goal: 'link' | 'refresh'
      readonly failures: number
      readonly error: AgentError
    }
  /** It was linked, and is no more: waits for a trigger. */
  | { readonly kind: 'needs_linking'; readonly error: AgentError | undefined }

/** What is kept on this device. `ended`: a link that a person has to renew. `damaged`: one that the key may bring back. */
export type Found = 'linked' | 'ended' | 'damaged' | 'nothing'

export type DaemonEvent =
  /** Looked at the disk, as the daemon starts or while it waits: other processes link and unlink too. */
  | { readonly kind: 'found'; readonly what: Found }
  /** Somebody on the spot wants a code. */
  | { readonly kind: 'triggered' }
  | { readonly kind: 'code_shown' }
  | { readonly kind: 'refresh_due' }
  /** The work of `linking` or `refreshing` is done. */
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly error: AgentError }
  /** The pause of `offline` is over. */
  | { readonly kind: 'paused' }

/** Before anything was looked at. */
export type Start = { readonly kind: 'starting' }

/** The state after `event`. An event that means nothing in a state changes nothing: a trigger while a code is shown, say. */
export function daemonStep(state: DaemonState | Start, event: DaemonEvent): DaemonState {
  switch (event.kind) {
    case 'found':
      return afterLook(state, event.what)
    case 'failed':
      return afterFailure(state, event.error)
    case 'done':
      return { kind: 'linked' }
    case 'triggered':
      return isWaitingForTrigger(state) || (state.kind === 'offline' && state.goal === 'link') ? LINK : known(state)
    case 'code_shown':
      return state.kind === 'linking' ? { ...state, failures: 0, hasCode: true } : known(state)
    case 'refresh_due':
      return state.kind === 'linked' ? { kind: 'refreshing', failures: 0 } : known(state)
    case 'paused':
      if (state.kind !== 'offline') return known(state)
      return state.goal === 'link'
        ? { kind: 'linking', failures: state.failures, hasCode: false }
        : { kind: 'refreshing', failures: state.failures }
  }
}

const LINK: DaemonState = { kind: 'linking', failures: 0, hasCode: false }

function afterLook(state: DaemonState | Start, what: Found): DaemonState {
  if (state.kind === 'starting') {
    if (what === 'linked') return { kind: 'linked' }
    return what === 'damaged' ? { kind: 'refreshing', failures: 0 } : LINK
  }
  const isResting = isWaitingForTrigger(state) || state.kind === 'offline'
  if (isResting && what === 'linked')
    return state.kind === 'offline' && state.goal === 'refresh' ? state : { kind: 'linked' }
  if (state.kind !== 'linked' && !(state.kind === 'offline' && state.goal === 'refresh')) return state
  if (what === 'nothing') return { kind: 'unlinked' }
  return what === 'ended' ? { kind: 'needs_linking', error: undefined } : known(state)
}

function afterFailure(state: DaemonState | Start, error: AgentError): DaemonState {
  const isPassing = ['unreachable', 'untrusted', 'storage'].includes(error.reason)
  if (state.kind === 'linking') {
    // A code that was shown is not replaced by itself, whatever became of it. Where there was none, asking goes on.
    if (state.hasCode || !isPassing) return { kind: 'unlinked' }
    return { kind: 'offline', goal: 'link', failures: state.failures + 1, error }
  }
  if (state.kind !== 'refreshing') return known(state)
  if (!isPassing) return { kind: 'needs_linking', error }
  return { kind: 'offline', goal: 'refresh', failures: state.failures + 1, error }
}

function isWaitingForTrigger({ kind }: DaemonState | Start): boolean {
  return kind === 'unlinked' || kind === 'needs_linking'
}

function known(state: DaemonState | Start): DaemonState {
  return state.kind === 'starting' ? { kind: 'unlinked' } : state
}
