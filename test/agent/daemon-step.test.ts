import { AgentError, type AgentErrorReason } from '@latchkey/device-agent'
import { expect, it } from 'vitest'
import { type DaemonEvent, type DaemonState, daemonStep, type Start } from '../../device-agent/src/core/daemon-step.ts'

const error = (reason: AgentErrorReason) => new AgentError(reason, reason)
const failed = (reason: AgentErrorReason): DaemonEvent => ({ kind: 'failed', error: error(reason) })
const starting: Start = { kind: 'starting' }
const unlinked: DaemonState = { kind: 'unlinked' }
const asking: DaemonState = { kind: 'linking', failures: 0, hasCode: false }
const showing: DaemonState = { kind: 'linking', failures: 0, hasCode: true }
const linked: DaemonState = { kind: 'linked' }
const refreshing: DaemonState = { kind: 'refreshing', failures: 0 }
const ended: DaemonState = { kind: 'needs_linking', error: undefined }
const offline = (goal: 'link' | 'refresh', failures = 1): DaemonState => ({
  kind: 'offline',
  goal,
  failures,
  error: error('unreachable'),
})

it.each<[string, DaemonState | Start, DaemonEvent, object]>([
  ['AGT-02 the start is a trigger', starting, { kind: 'found', what: 'nothing' }, asking],
  ['AGT-02 also for a link that ended', starting, { kind: 'found', what: 'ended' }, asking],
  ['AGT-10 a link is kept', starting, { kind: 'found', what: 'linked' }, linked],
  ['STO-04 damaged credentials: the key first', starting, { kind: 'found', what: 'damaged' }, refreshing],
  ['AGT-02 a code on show', asking, { kind: 'code_shown' }, showing],
  ['AGT-02 a trigger while a code is shown means nothing', showing, { kind: 'triggered' }, showing],
  ['AGT-02 approved', showing, { kind: 'done' }, linked],
  ['AGT-02 refused: waits for a trigger', showing, failed('denied'), unlinked],
  ['AGT-02 ran out: waits for a trigger', showing, failed('expired'), unlinked],
  ['AGT-02 ran out without a network: no new code by itself', showing, failed('unreachable'), unlinked],
  ['AGT-06 lost approval: new flow on trigger', showing, failed('lost_approval'), unlinked],
  ['AGT-06 no such client: no hot loop', asking, failed('refused'), unlinked],
  [
    'AGT-05 no network, no code yet: tries again',
    asking,
    failed('unreachable'),
    { kind: 'offline', goal: 'link', failures: 1 },
  ],
  ['AGT-05 a captive portal', asking, failed('untrusted'), { kind: 'offline', goal: 'link', failures: 1 }],
  ['STO-05 a full disk', asking, failed('storage'), { kind: 'offline', goal: 'link', failures: 1 }],
  ['AGT-11 again', offline('link', 3), { kind: 'paused' }, { ...asking, failures: 3 }],
  ['AGT-11 and again', { ...asking, failures: 3 }, failed('unreachable'), { kind: 'offline', failures: 4 }],
  ['AGT-11 a person does not wait for the pause', offline('link', 9), { kind: 'triggered' }, asking],
  ['AGT-02 a trigger', unlinked, { kind: 'triggered' }, asking],
  ['AGT-02 a trigger for a link that ended', ended, { kind: 'triggered' }, asking],
  ['AGT-02 a trigger for a link that lives', linked, { kind: 'triggered' }, linked],
  ['AGT-02 a trigger while a refresh waits', offline('refresh'), { kind: 'triggered' }, offline('refresh')],
  ['AGT-10 due', linked, { kind: 'refresh_due' }, refreshing],
  ['AGT-10 fresh', refreshing, { kind: 'done' }, linked],
  ['AGT-13 no answer', refreshing, failed('unreachable'), { kind: 'offline', goal: 'refresh', failures: 1 }],
  ['AGT-13 for ever', { ...refreshing, failures: 99 }, failed('unreachable'), { kind: 'offline', failures: 100 }],
  ['AGT-13 again', offline('refresh', 7), { kind: 'paused' }, { ...refreshing, failures: 7 }],
  ['STO-05 nowhere to save', refreshing, failed('storage'), { kind: 'offline', goal: 'refresh' }],
  ['AGT-12 the link is gone', refreshing, failed('unlinked'), { kind: 'needs_linking' }],
  ['AGT-12 the client is gone', refreshing, failed('refused'), { kind: 'needs_linking' }],
  ['AGT-02 somebody linked by command', unlinked, { kind: 'found', what: 'linked' }, linked],
  ['AGT-02 somebody linked by command, again', ended, { kind: 'found', what: 'linked' }, linked],
  ['AGT-02 somebody linked while we could not', offline('link'), { kind: 'found', what: 'linked' }, linked],
  ['AGT-13 still linked', offline('refresh'), { kind: 'found', what: 'linked' }, offline('refresh')],
  ['AGT-12 somebody unlinked', linked, { kind: 'found', what: 'nothing' }, unlinked],
  ['AGT-12 somebody unlinked while we could not', offline('refresh'), { kind: 'found', what: 'nothing' }, unlinked],
  [
    'AGT-12 the token ran out, and there is no other',
    linked,
    { kind: 'found', what: 'ended' },
    { kind: 'needs_linking' },
  ],
  ['AGT-02 nothing new', unlinked, { kind: 'found', what: 'nothing' }, unlinked],
  ['AGT-02 nothing new after an end', ended, { kind: 'found', what: 'ended' }, ended],
])('%s', (_, before, event, after) => {
  expect(daemonStep(before, event)).toMatchObject(after)
})

it('AGT-02 no way leads from a code that was shown to another, but through a trigger', () => {
  const events: readonly DaemonEvent[] = [
    { kind: 'refresh_due' },
    { kind: 'code_shown' },
    { kind: 'paused' },
    { kind: 'found', what: 'nothing' },
    { kind: 'found', what: 'ended' },
    ...(['denied', 'expired', 'unreachable', 'storage', 'refused', 'untrusted', 'lost_approval'] as const).map(failed),
  ]
  const reached = new Map<string, DaemonState>()
  const visit = (state: DaemonState, depth: number): void => {
    const name = JSON.stringify(state)
    if (depth === 0 || reached.has(name)) return
    reached.set(name, state)
    for (const event of events) visit(daemonStep(state, event), depth - 1)
  }
  visit(showing, 6)
  expect([...reached.values()].filter((state) => state.kind === 'linking' && !state.hasCode)).toEqual([])
})
