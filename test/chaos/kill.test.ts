import { openStore } from '@latchkey/server'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decide } from '../../server/src/oauth/device/device-request.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { type Store, update } from '../../server/src/oauth/store.ts'
import { handleFor } from '../../server/src/oauth/tokens/token-family.ts'
import { type Device, type WireAnswer, wireDevice } from '../support/keep-alive.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { type TestServer, testServer } from '../support/test-server.ts'

const DEVICES = 12

describe('the server is killed', () => {
  let folder: string
  let server: ServerProcess
  let devices: readonly Device[]
  beforeEach(async () => {
    folder = temporaryFolder()
    server = await startServer({ folder })
    devices = Array.from({ length: DEVICES }, () => wireDevice(server.origin))
  })
  afterEach(async () => {
    for (const device of devices) device.hangUp()
    await server.kill('SIGKILL')
    removeFolder(folder)
  })
  const each = <T>(work: (device: Device, index: number) => Promise<T>) => Promise.all(devices.map(work))

  it('NEG-11 while devices poll: started again, the same codes are approved and picked up', async () => {
    const started = await each((device) => device.start())
    const code = (index: number) => started[index]?.device_code ?? ''
    const pending = await each((device, index) => device.poll(code(index)))
    expect(pending.map(({ body }) => body['error'])).toEqual(started.map(() => 'authorization_pending'))

    const cut = Promise.allSettled(devices.map((device, index) => device.poll(code(index))))
    await server.kill('SIGKILL')
    for (const poll of await cut) if (poll.status === 'fulfilled') expect(poll.value.status).toBe(400)
    await server.restart()

    const person = server.browser()
    await person.signIn()
    for (const { user_code } of started) await person.decide(user_code, 'approve')
    const picked = await each((device, index) => device.poll(code(index)))
    expect(picked.map(({ status }) => status)).toEqual(started.map(() => 200))
    expect(new Set(picked.map(({ body }) => body['refresh_token'])).size).toBe(DEVICES)
    const again = await each((device, index) => device.poll(code(index)))
    expect(again.map(({ body }) => body['error'])).toEqual(started.map(() => 'invalid_grant'))
  })

  it('NEG-11 while codes are picked up: none is good twice, and none is lost that was not used', async () => {
    const started = await each((device) => device.start())
    const code = (index: number) => started[index]?.device_code ?? ''
    const store = await openStore(server.database)
    for (const { device_code } of started) await approve(store, device_code)

    const first = await killedAtFirstAnswer(server, (index) => devices[index]?.poll(code(index)))
    await server.restart()
    const second = await each((device, index) => device.poll(code(index)))
    for (const [index, { device_code }] of started.entries()) {
      const answers = [first[index], second[index]].filter((answer) => answer?.status === 200)
      const family = await store.families.get(handleFor(device_code).familyId)
      expect(family).toBeDefined()
      expect(answers.length).toBeLessThanOrEqual(1)
      // Without an answer in hand: the answer was on its way when the server died, and the code had been used.
      if (answers.length === 0) expect(second[index]?.body['error']).toBe('invalid_grant')
    }
    await store.close()
  })

  it('NEG-11 RT-05 between commit and answer: the same refresh token is good for the same successor', async () => {
    const store = await openStore(server.database)
    const linked = await each(async (device) => {
      const { device_code } = await device.start()
      await approve(store, device_code)
      return String((await device.poll(device_code)).body['refresh_token'])
    })
    const token = (index: number) => linked[index] ?? ''
    await store.close()

    const first = await killedAtFirstAnswer(server, (index) => devices[index]?.refresh(token(index)))
    await server.restart()
    const second = await each((device, index) => device.refresh(token(index)))
    expect(second.map(({ status }) => status)).toEqual(linked.map(() => 200))
    // Who had the answer in hand and who had not: each comes back to the one successor.
    for (const [index, answer] of first.entries()) {
      if (answer?.status === 200) expect(second[index]?.body['refresh_token']).toBe(answer.body['refresh_token'])
    }
    const third = await each((device, index) => device.refresh(token(index)))
    expect(third.map(({ body }) => body['refresh_token'])).toEqual(second.map(({ body }) => body['refresh_token']))
    const onward = await each((device, index) => device.refresh(String(second[index]?.body['refresh_token'])))
    expect(onward.map(({ status }) => status)).toEqual(linked.map(() => 200))
  })

  it('stops in order on SIGTERM, and serves again from the same folder', async () => {
    const [device] = devices
    const started = await device?.start()
    expect(await server.kill('SIGTERM')).toBe(0)
    await server.restart()
    expect((await device?.poll(started?.device_code ?? ''))?.body['error']).toBe('authorization_pending')
  })
})

/** Lets every device ask at once, and kills the server as soon as one of them has its answer. */
async function killedAtFirstAnswer(
  server: ServerProcess,
  ask: (index: number) => Promise<WireAnswer> | undefined,
): Promise<readonly (WireAnswer | undefined)[]> {
  const asked = Array.from({ length: DEVICES }, (_, index) => Promise.resolve(ask(index)))
  await Promise.any(asked)
  const settled = Promise.allSettled(asked)
  await server.kill('SIGKILL')
  return (await settled).map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined))
}

async function approve(store: Store, deviceCode: string): Promise<void> {
  const [user] = await store.users.all()
  const outcome = await update(store.deviceRequests, digestOf(deviceCode), (request) => {
    const now = Date.now()
    return decide(
      request,
      'approved',
      { userId: user?.id ?? '', decidedAt: now, authenticatedAt: now, amr: ['pwd'] },
      1,
    )
  })
  expect(outcome).toBe('done')
}

describe('the server dies at one certain write', () => {
  let server: TestServer
  const dying: { at?: string } = {}
  beforeEach(async () => {
    const store = await openStore('sqlite::memory:')
    server = await testServer({ store: dyingStore(store, () => dying.at) })
  })
  afterEach(async () => {
    delete dying.at
    await server.close()
  })

  it('NEG-11 after the code was consumed, before anything was issued: the next poll gets the tokens', async () => {
    const { device_code, user_code } = await server.start()
    await server.decide(user_code, 'approve')
    dying.at = 'deviceRequests.swap'
    expect((await server.poll(device_code)).statusCode).toBe(500)
    delete dying.at
    expect((await server.poll(device_code)).statusCode).toBe(200)
    expect((await server.poll(device_code)).json().error).toBe('invalid_grant')
  })

  it('NEG-11 after the family was written: no second family, ever', async () => {
    const { device_code, user_code } = await server.start()
    await server.decide(user_code, 'approve')
    dying.at = 'families.insert'
    expect((await server.poll(device_code)).statusCode).toBe(500)
    delete dying.at
    expect((await server.poll(device_code)).json().error).toBe('invalid_grant')
  })

  it('NEG-11 RT-05 RT-08 after the rotation was written: the parent gets the one successor', async () => {
    const { refresh_token } = await server.link()
    const refresh = (token: string) =>
      server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token: token })
    dying.at = 'families.swap'
    expect((await refresh(refresh_token)).statusCode).toBe(500)
    delete dying.at
    const successor = (await refresh(refresh_token)).json().refresh_token
    expect(successor).not.toBe(refresh_token)
    expect((await refresh(refresh_token)).json().refresh_token).toBe(successor)
    expect((await refresh(successor)).statusCode).toBe(200)
    // Its successor was used: whoever still holds the parent now has stolen it, or was stolen from.
    expect((await refresh(refresh_token)).json().error).toBe('invalid_grant')
    expect((await refresh(successor)).json().error).toBe('invalid_grant')
  })
})

/** Writes, and then fails as if the process had died before it could go on. `at` names the write: `families.swap`. */
function dyingStore(store: Store, at: () => string | undefined): Store {
  const dies = async <T>(name: string, write: Promise<T>): Promise<T> => {
    const result = await write
    if (at() === name) throw new Error(`died after ${name}`)
    return result
  }
  const { deviceRequests, families } = store
  return {
    ...store,
    deviceRequests: { ...deviceRequests, swap: (next) => dies('deviceRequests.swap', deviceRequests.swap(next)) },
    families: {
      ...families,
      insert: (family) => dies('families.insert', families.insert(family)),
      swap: (next) => dies('families.swap', families.swap(next)),
    },
  }
}
