// A drawer in IndexedDB: named values, changed whole or not at all. What lies in it is indexed-db-store.ts.

const VALUES = 'values'

export interface Drawer {
  get(name: string): Promise<unknown>
  /**
   * Reads `name`, and writes what `decide` makes of it in the same transaction, so that no other page comes between;
   * undefined leaves all as it is. Returns what is there in the end, once the disk has it.
   */
  swap(name: string, decide: (found: unknown) => unknown): Promise<unknown>
  remove(...names: readonly string[]): Promise<void>
}

/** @throws DOMException where the browser has no room, as in some private modes */
export async function openDrawer(factory: IDBFactory, name: string): Promise<Drawer> {
  const opening = factory.open(name, 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore(VALUES)
  const database = await answerOf(opening)
  // Another page may delete the database, or a younger release change it; holding on would keep it waiting for ever.
  database.onversionchange = () => database.close()

  async function work<T>(mode: IDBTransactionMode, ask: (values: IDBObjectStore) => Promise<T>): Promise<T> {
    // `strict`: without it the browser says "done" before the disk does.
    const transaction = database.transaction(VALUES, mode, { durability: 'strict' })
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error ?? new DOMException('aborted', 'AbortError'))
    })
    const [answer] = await Promise.all([ask(transaction.objectStore(VALUES)), done])
    return answer
  }

  return {
    get: (name) => work('readonly', (values) => answerOf(values.get(name))),
    swap: (name, decide) =>
      work('readwrite', async (values) => {
        const found: unknown = await answerOf(values.get(name))
        const next = decide(found)
        if (next === undefined) return found
        await answerOf(values.put(next, name))
        return next
      }),
    remove: (...names) =>
      work('readwrite', async (values) => {
        await Promise.all(names.map((name) => answerOf(values.delete(name))))
      }),
  }
}

function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new DOMException('failed', 'UnknownError'))
    if (request instanceof IDBOpenDBRequest) request.onblocked = () => reject(new DOMException('blocked', 'AbortError'))
  })
}
