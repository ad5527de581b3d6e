// Ending what people allowed: a link dies with its whole family of tokens, at once, wherever it is asked for.
import type { TokenFamily } from './records.ts'
import { type Store, update } from './store.ts'
import { revoke } from './token-family.ts'

/** False when there is no such link, or it was ended before. `now` is epoch milliseconds. */
export function endLink(store: Store, id: string, now: number): Promise<boolean> {
  return update(store.families, id, (family) =>
    family === undefined || family.revokedAt !== undefined
      ? { outcome: false }
      : { next: revoke(family, now), outcome: true },
  )
}

/** Returns how many were ended now. */
export async function endLinks(store: Store, families: readonly TokenFamily[], now: number): Promise<number> {
  let ended = 0
  for (const { id } of families) if (await endLink(store, id, now)) ended += 1
  return ended
}
