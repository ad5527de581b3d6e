// `latchkey keys …`: the keys that tokens are signed with. A running server notices what is done here within half a minute.
import type { Config } from '../config.ts'
import { masterSecretFor } from '../master-secret.ts'
import { type KeyLife, lifeOf, waitingKey } from '../oauth/keys/signing-key-life.ts'
import { rotateSigningKey } from '../oauth/keys/signing-keys.ts'
import { createVault } from '../oauth/keys/vault.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm, type SigningKey } from '../oauth/records.ts'
import type { Store } from '../oauth/store.ts'
import { recordAudit } from '../ops/audit.ts'
import { withStore } from './settings.ts'
import { CommandError, EXIT, type Terminal } from './terminal.ts'

interface Common {
  readonly config?: string
}

export function keysList(terminal: Terminal, options: Common & { readonly json?: boolean }): Promise<void> {
  return withStore(terminal, options.config, async (store) => {
    const keys = await store.signingKeys.all()
    if (keys.length === 0) terminal.say('No key yet: the server makes them when it starts')
    const now = terminal.host.clock.now()
    for (const alg of SIGNING_ALGORITHMS) {
      const kin = keys.filter((key) => key.alg === alg).sort((a, b) => a.generation - b.generation)
      for (const key of kin) {
        const life = lifeOf(key, keys, now)
        if (options.json) {
          const until = life.until === undefined ? null : date(life.until)
          const since = date(life.since)
          terminal.print(JSON.stringify({ kid: key.id, alg, state: life.state, since, until }))
        } else terminal.print(line(key, life))
      }
    }
  })
}

export async function keysRotate(
  terminal: Terminal,
  options: Common & { readonly alg?: string; readonly now?: boolean },
): Promise<void> {
  const algorithms = options.alg === undefined ? SIGNING_ALGORITHMS : [algorithmFrom(options.alg)]
  await withStore(terminal, options.config, async (store, config) => {
    for (const alg of algorithms) await rotate(terminal, store, config, alg, options.now ?? false)
  })
}

async function rotate(
  terminal: Terminal,
  store: Store,
  config: Config,
  alg: SigningAlgorithm,
  emergency: boolean,
): Promise<void> {
  const { clock, entropy } = terminal.host
  const vault = createVault(masterSecretFor(config, entropy), entropy)
  const { made, dropped } = await rotateSigningKey(
    store.signingKeys,
    vault,
    alg,
    clock,
    emergency ? 'emergency' : 'overlap',
  )
  const keys = await store.signingKeys.all()
  const now = clock.now()
  if (made === undefined) {
    const waiting = waitingKey(keys, alg, now)
    if (emergency || waiting === undefined) terminal.say(`${alg}: rotated by somebody else at the same moment`)
    else terminal.say(`${alg}: ${waiting.id} waits already; it signs from ${date(waiting.activeAt)} on`)
    return
  }
  await recordAudit(store, terminal.host, { event: 'key_added', kid: made.id, alg, emergency, by: 'operator' })
  if (emergency) terminal.say(`${alg}: a new key signs; old keys dropped: ${dropped}. Servers follow within a minute`)
  else terminal.say(`${alg}: a new key signs from ${date(made.activeAt)} on`)
  terminal.print(line(made, lifeOf(made, keys, now)))
}

function line(key: SigningKey, { state, since, until }: KeyLife): string {
  return [key.id, key.alg, state, date(since), until === undefined ? '-' : date(until)].join('\t')
}

function date(at: number): string {
  return new Date(at).toISOString()
}

function algorithmFrom(name: string): SigningAlgorithm {
  const alg = SIGNING_ALGORITHMS.find((known) => known === name)
  if (alg === undefined) throw new CommandError(`--alg takes one of ${SIGNING_ALGORITHMS.join(', ')}`, EXIT.usage)
  return alg
}
