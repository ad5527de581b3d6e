// Random lives of devices, people and the server, held against the reference.
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { moves } from './moves.ts'
import { newReference } from './reference.ts'
import { openWorld } from './world.ts'

/** Raise it for an afternoon's search. */
const LIVES = Number(process.env['LATCHKEY_LIVES'] ?? 8)

// On failure fast-check prints the seed and the shortest life that fails.
function hold(seed?: number): Promise<void> {
  const property = fc.asyncProperty(fc.commands(moves, { maxCommands: 60, size: 'max' }), async (life) => {
    const folder = temporaryFolder()
    const world = await openWorld(folder)
    try {
      await fc.asyncModelRun(() => ({ model: newReference(world.host.clock.now()), real: world }), life)
    } finally {
      await world.server.close()
      removeFolder(folder)
    }
  })
  // Searching for the shortest ends in time to be told.
  return fc.assert(property, {
    numRuns: LIVES,
    interruptAfterTimeLimit: LIVES * 4_000,
    ...(seed === undefined ? {} : { seed }),
  })
}

describe('links, in random lives', () => {
  it.each([1, 2, 3])(
    'DEV-14 DEV-15 RT-05 RT-06 RT-07 RT-08 RT-11 NEG-09 NEG-10 NEG-11 one link a code, one live token a link, nothing after the end: lives of seed %i',
    { timeout: LIVES * 6_000 },
    (seed) => hold(seed),
  )

  it('the same in a few lives that nobody has seen before', { timeout: LIVES * 6_000 }, () => hold())
})
