// Who is registered: clients declared in the configuration, and those kept in the database.
import type { Client } from '../records.ts'
import type { Store } from '../store.ts'

export interface ClientDirectory {
  find(clientId: string): Promise<Client | undefined>
  all(): Promise<readonly Client[]>
}

/** A declared client wins over a stored one of the same id: what the operator wrote down is what holds. */
export function createClientDirectory(declared: readonly Client[], stored: Store['clients']): ClientDirectory {
  const byId = new Map(declared.map((client) => [client.id, client]))
  return {
    find: async (clientId) => byId.get(clientId) ?? (await stored.get(clientId)),
    all: async () => [...declared, ...(await stored.all()).filter((client) => !byId.has(client.id))],
  }
}
