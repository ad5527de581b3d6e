// How a process that serves comes to its end.
import type { Sleep } from '@latchkey/shared'
import type { FastifyInstance } from 'fastify'

/** Takes nothing new and lets what is in flight finish; what is still open after `withinMs` is cut. */
export async function closeWithin(withinMs: number, sleep: Sleep, ...apps: readonly FastifyInstance[]): Promise<void> {
  const closed = new AbortController()
  const cut = () => {
    for (const app of apps) app.server.closeAllConnections()
  }
  // Left running, the timer alone would keep the process alive.
  const patience = sleep(withinMs, closed.signal).then(cut, () => undefined)
  await Promise.all(apps.map((app) => app.close()))
  closed.abort()
  await patience
}
