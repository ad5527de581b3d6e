import { chmod, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  credentialFile,
  DeviceAgent,
  daemon,
  type Fetch,
  keyFile,
  type PendingLink,
  pendingFile,
} from '@latchkey/device-agent'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { injectedFetch } from '../support/injected-fetch.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { ISSUER, LIBRARY, testConfig, testServer } from '../support/test-server.ts'
import { watched } from '../support/watched-files.ts'

let directory: string
beforeEach(() => {
  directory = join(temporaryFolder(), 'state')
})
afterEach(() => removeFolder(join(directory, '..')))

const open = () => pendingFile({ directory })

function waiting(n: number): PendingLink {
  const askedAt = 1_900_000_000_000
  return {
    issuer: 'https://id.northwind.example',
    clientId: 'tv',
    deviceCode: `canary-device-code-${n}`,
    userCode: 'WDJB-MJHT',
    verificationUri: 'https://id.northwind.example/link',
    askedAt,
    expiresAt: askedAt + 600_000,
    intervalSeconds: 5,
  }
}

class Killed extends Error {}

/** Does `work` in a "process" that is dead from call `killedAt` on. Returns whether it got through. */
async function untilKilled(
  killedAt: number,
  torn: boolean,
  work: (store: ReturnType<typeof pendingFile>) => Promise<void>,
) {
  let calls = 0
  const files = watched(() => {
    if (calls++ >= killedAt) throw new Killed()
  }, torn)
  return work(pendingFile({ directory, files })).then(
    () => true,
    () => false,
  )
}

it('STO-01 AGT-17 the waiting code is 0600 in the folder of the credentials, and gone when it is over', async () => {
  expect(await open().load()).toBeUndefined()
  await open().save(waiting(1))
  expect((await stat(join(directory, 'pending.json'))).mode & 0o777).toBe(0o600)
  expect(await open().load()).toMatchObject(waiting(1))
  await chmod(join(directory, 'pending.json'), 0o644)
  await expect(open().load()).rejects.toMatchObject({ reason: 'storage' })
  await open().clear()
  expect(await readdir(directory)).toEqual([])
})

it.each(['', 'x', '{}', 'null', '{"version":1,"deviceCode":7}', '{"version":2}'])(
  'STO-04 what cannot be read (%s) is no waiting code, and no crash',
  async (text) => {
    await open().save(waiting(1))
    await writeFile(join(directory, 'pending.json'), text)
    expect(await open().load()).toBeUndefined()
  },
)

it('STO-04 killed at any system call, half-written or not: the next start has the old or the new code', async () => {
  const seen = new Set<string | undefined>()
  for (const torn of [false, true]) {
    for (let killedAt = 0, finished = false; !finished; killedAt++) {
      await rm(directory, { recursive: true, force: true })
      await open().save(waiting(1))
      finished = await untilKilled(killedAt, torn, (store) => store.save(waiting(2)))
      const loaded = await open().load()
      expect(['canary-device-code-1', 'canary-device-code-2']).toContain(loaded?.deviceCode)
      seen.add(loaded?.deviceCode)
      await open().save(waiting(3))
      expect(await open().load()).toMatchObject(waiting(3))
    }
    for (let killedAt = 0, finished = false; !finished; killedAt++) {
      await open().save(waiting(1))
      finished = await untilKilled(killedAt, torn, (store) => store.clear())
      seen.add((await open().load())?.deviceCode)
    }
  }
  expect(seen).toEqual(new Set(['canary-device-code-1', 'canary-device-code-2', undefined]))
})

it('STO-04 AGT-17 AGT-06 the plug is pulled at any moment after a code was shown: linked again, with that one code', async () => {
  const scope = 'openid profile offline_access library:read'
  const tv = { client_id: 'tv', client_name: 'Northwind TV app', token_endpoint_auth_method: 'none', scope }
  const server = await testServer({ config: testConfig({ clients: [tv] }) })
  const { host } = server
  const browser = server.browser()
  await browser.signIn()
  const reach = injectedFetch(server)
  let codes = 0
  let inFlight = 0

  /** A life of the device that ends before system call number `killedAt`, counted from when its code was shown. */
  async function live(place: string, killedAt: number): Promise<boolean> {
    let calls = 0
    let isShown = false
    let isDead = false
    const files = watched(() => {
      if (isShown && calls++ >= killedAt) isDead = true
      if (isDead) throw new Killed()
    })
    const fetch: Fetch = async (url, init) => {
      if (isDead) throw new Killed()
      inFlight++
      try {
        const answer = await reach(url, init)
        if (url.endsWith('/device_authorization') && answer.ok) codes++
        answer.headers.set('date', new Date(host.clock.now()).toUTCString())
        return answer
      } finally {
        inFlight--
      }
    }
    // Of the processes that hold the lock, this one alone is alive.
    const pid = 900_000_000 + (killedAt === Number.POSITIVE_INFINITY ? 999 : killedAt)
    const processes = { pid, identity: (asked: number) => (asked === pid ? `life of ${pid}` : undefined) }
    const folder = { directory: place, host, files, processes }
    const stop = new AbortController()
    let approving: Promise<unknown> | undefined
    const running = daemon({
      host,
      signal: stop.signal,
      once: true,
      onNews(news) {
        if (news.kind !== 'waiting' || approving) return
        approving = (async () => {
          await browser.open(`/link?user_code=${news.request.userCode}`)
          await browser.open('/link/device')
          await browser.submit('/link/device', { answer: 'approve' })
          isShown = true
        })()
      },
      agent: new DeviceAgent({
        issuer: ISSUER,
        clientId: 'tv',
        scope,
        resource: LIBRARY,
        credentials: credentialFile(folder),
        keys: keyFile(folder),
        pending: pendingFile(folder),
        host,
        fetch,
        sockets: () => {
          throw new Error('no sockets here')
        },
      }),
    })
    let ended = false
    let isLinked = false
    running
      .run()
      .then(
        () => {
          isLinked = true
        },
        () => undefined,
      )
      .finally(() => {
        ended = true
      })
    const isQuiet = () => ended || (inFlight === 0 && host.asleep().length > 0)
    await host.until(isQuiet)
    while (!ended && !isDead) {
      await approving
      const [soonest = 0] = host.asleep()
      await host.advance(soonest)
      await host.until(isQuiet)
    }
    stop.abort()
    await host.until(() => ended)
    return isLinked && !isDead
  }

  let lives = 0
  for (let killedAt = 0, finished = false; !finished; killedAt++) {
    codes = 0
    const place = `${directory}-${killedAt}`
    finished = await live(place, killedAt)
    lives++
    if (finished) break
    expect(await live(place, Number.POSITIVE_INFINITY)).toBe(true)
    expect(codes).toBe(1)
    expect(await readdir(place)).not.toContain('pending.json')
    const agent = new DeviceAgent({
      issuer: ISSUER,
      clientId: 'tv',
      credentials: credentialFile({ directory: place, host }),
      keys: keyFile({ directory: place, host }),
      host,
    })
    expect(await agent.linked()).toMatchObject({ issuer: ISSUER })
  }
  expect(lives).toBeGreaterThan(30)
  await server.close()
})
