// A device that becomes a client of its own, and our own server, both in this process.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Enrolment, type EnrolmentKeys, type EnrolmentStore, enrolmentFile, type Fetch } from '@latchkey/device-agent'
import { createResourceServer } from '@latchkey/shared/resource-server'
import { decodeJwt, type JWK } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { main } from '../../device-agent/src/main.ts'
import { agentTerminal } from '../support/agent-terminal.ts'
import { enrolmentConfig } from '../support/enrolment.ts'
import { injectedFetch } from '../support/injected-fetch.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { ISSUER, LIBRARY, type TestServer, testServer } from '../support/test-server.ts'

/** Called before and after each thing that a device does; what it throws stops the device there. */
type Step = (what: string) => void

let folder: string
let server: TestServer
beforeEach(async () => {
  folder = temporaryFolder()
  server = await testServer({ config: enrolmentConfig() })
})
afterEach(async () => {
  await server.close()
  removeFolder(folder)
})

const place = () => ({ directory: join(folder, 'state'), host: server.host })

function network(step: Step = () => undefined): Fetch {
  const reach = injectedFetch(server)
  return async (url, init) => {
    const keys = init.method === 'PUT' ? ` with ${JSON.parse(String(init.body)).jwks.keys.length}` : ''
    const what = `${init.method ?? 'GET'} ${new URL(url).pathname.split('/')[1]}${keys}`
    step(what)
    const answer = await reach(url, init)
    answer.headers.set('date', new Date(server.host.clock.now()).toUTCString())
    step(`answer to ${what}`)
    return answer
  }
}

/** The device as a process that has just started. */
function device(step: Step = () => undefined): Enrolment {
  const { store, keys } = enrolmentFile(place())
  const stepping = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    step(what)
    const result = await work()
    step(`after ${what}`)
    return result
  }
  const watchedStore: EnrolmentStore = { ...store, save: (record) => stepping('save', () => store.save(record)) }
  const watchedKeys: EnrolmentKeys = {
    at: (which) => ({ ...keys.at(which), obtain: () => stepping('obtain', () => keys.at(which).obtain()) }),
    forget: (which) => stepping('forget', () => keys.forget(which)),
  }
  const { host } = server
  return new Enrolment({ issuer: ISSUER, store: watchedStore, keys: watchedKeys, host, fetch: network(step) })
}

/** With a person who says yes, and time that passes between requests alone: signing in takes real work. */
async function approved<T>(work: Promise<T>, code: () => string | undefined): Promise<T> {
  const { host } = server
  let ended = false
  const end = () => {
    ended = true
  }
  work.then(end, end)
  await host.until(() => ended || code() !== undefined)
  const shown = code()
  if (shown !== undefined) await server.decide(shown, 'approve')
  while (!ended) {
    await host.until(() => ended || isWaiting())
    const [soonest] = host.asleep()
    if (!ended && soonest !== undefined) await host.advance(soonest)
  }
  return work
}

/** During a request there is the sleeper that would give it up, after 30 s. */
function isWaiting(): boolean {
  const [soonest] = server.host.asleep()
  return soonest !== undefined && soonest !== 30_000
}

function enrol(enrolment: Enrolment) {
  let code: string | undefined
  const enrolling = enrolment.enrol({
    clientId: 'box',
    device: { name: 'Hall box' },
    onState: ({ request }) => {
      code = request.userCode
    },
  })
  return approved(enrolling, () => code)
}

const files = async () => (await readdir(place().directory)).filter((name) => !name.endsWith('.lock')).sort()
const record = async () => JSON.parse(await readFile(join(place().directory, 'enrolment.json'), 'utf8'))
/** What the server has of this device. */
async function registeredKeys(): Promise<readonly JWK[]> {
  const { registrationUri, registrationToken } = await record()
  const headers = { authorization: `Bearer ${registrationToken}` }
  const answer = await server.app.inject({ url: new URL(registrationUri).pathname, headers })
  return answer.json().jwks.keys
}

/** An API of somebody else's asks our server for its keys and lets the device in. */
async function callLibrary(enrolment: Enrolment) {
  const fetch: typeof globalThis.fetch = (url, init) => network()(String(url), init ?? {})
  const api = createResourceServer({ issuer: ISSUER, audience: LIBRARY, clock: server.host.clock, fetch })
  const url = `${LIBRARY}/books`
  const { authorization = '', dpop = '' } = await enrolment.authorize({ method: 'GET', url }, { resource: LIBRARY })
  return api.check({ authorization, dpop, method: 'GET', url }, { scope: 'library:read', actor: 'client' })
}

it('AGT-09 a person says yes, the device registers its own key, and calls an API as itself', async () => {
  const sent: string[] = []
  const reach = network()
  const { host } = server
  const fetch: Fetch = (url, init) => {
    sent.push(`${url} ${String(init.body)} ${JSON.stringify(init.headers)}`)
    return reach(url, init)
  }
  const enrolment = new Enrolment({ issuer: ISSUER, ...enrolmentFile(place()), host, fetch })
  expect(await enrolment.enrolled()).toBeUndefined()
  const { clientId } = await enrol(enrolment)
  expect(clientId).toMatch(/^dev_/)
  const access = await callLibrary(enrolment)
  expect(access).toMatchObject({ clientId, actor: 'client' })

  expect(await files()).toEqual(['enrolment-key-1.json', 'enrolment.json'])
  for (const name of await files()) expect((await stat(join(place().directory, name))).mode & 0o777).toBe(0o600)
  const { key } = JSON.parse(await readFile(join(place().directory, 'enrolment-key-1.json'), 'utf8'))
  expect(await registeredKeys()).toEqual([{ kty: key.kty, crv: key.crv, x: key.x, y: key.y }])
  expect(sent.join('\n')).not.toContain(key.d)
  expect((await server.store.clients.get(clientId))?.name).toBe('Hall box')
})

it('AGT-09 after a restart it is who it was, and nobody is asked; a good token is not asked for twice', async () => {
  const { clientId } = await enrol(device())
  const asked: string[] = []
  const restarted = device((what) => asked.push(what))
  expect(await restarted.enrolled()).toEqual({ issuer: ISSUER, clientId })
  const { token } = await restarted.accessToken({ resource: LIBRARY })
  expect(decodeJwt(token)).toMatchObject({ sub: clientId, aud: LIBRARY })
  const before = asked.length
  expect((await restarted.accessToken({ resource: LIBRARY })).token).toBe(token)
  expect(asked.length).toBe(before)
  server.host.clock.jump(3_600_000)
  await server.host.advance(3_600_000)
  expect((await restarted.accessToken({ resource: LIBRARY })).token).not.toBe(token)
})

it('AGT-09 the answer to registering gets lost: it registers again and is one client', async () => {
  let lost = 0
  const enrolment = device((what) => {
    if (what === 'answer to POST register' && ++lost === 1) throw new TypeError('fetch failed')
  })
  const { clientId } = await enrol(enrolment)
  expect(lost).toBe(2)
  expect(await registeredKeys()).toHaveLength(1)
  // Enrolled anew with the same key: the same client, with a registration token that works.
  expect((await enrol(device())).clientId).toBe(clientId)
  expect(await registeredKeys()).toHaveLength(1)
})

it('AGT-09 no enrolment, no key, another server: it says so and sends nothing', async () => {
  await expect(device().accessToken()).rejects.toMatchObject({ reason: 'unlinked' })
  await expect(device().rotateKey()).rejects.toMatchObject({ reason: 'unlinked' })
  await enrol(device())
  const fetch: Fetch = () => Promise.reject(new Error('sent'))
  const elsewhere = new Enrolment({ issuer: 'https://id.example.com', ...enrolmentFile(place()), fetch })
  await expect(elsewhere.accessToken()).rejects.toMatchObject({ reason: 'unlinked' })
  await expect(elsewhere.enrol({ clientId: 'box' })).rejects.toMatchObject({ reason: 'usage' })
  await enrolmentFile(place()).keys.forget(1)
  await expect(device().accessToken()).rejects.toMatchObject({ reason: 'unlinked' })
  await expect(device().rotateKey()).rejects.toMatchObject({ reason: 'unlinked' })
})

it('AGT-09 a new key: both are registered until it has fetched a token, then it alone', async () => {
  const { clientId } = await enrol(device())
  const [old] = await registeredKeys()
  const asked: string[] = []
  const enrolment = device((what) => void asked.push(what))
  const before = await enrolment.accessToken({ resource: LIBRARY })
  asked.length = 0
  await enrolment.rotateKey()
  const order = ['obtain', 'PUT register with 2', 'POST token', 'save', 'PUT register with 1', 'forget', 'save']
  const told = asked.filter((what) => order.includes(what))
  expect(told.filter((what, at) => what !== told[at - 1])).toEqual(order)
  const [fresh, ...more] = await registeredKeys()
  expect(more).toEqual([])
  expect(fresh).not.toEqual(old)
  expect(await files()).toEqual(['enrolment-key-2.json', 'enrolment.json'])
  const after = await enrolment.accessToken({ resource: LIBRARY })
  expect(decodeJwt(after.token)['cnf']).not.toEqual(decodeJwt(before.token)['cnf'])
  expect(await callLibrary(enrolment)).toMatchObject({ clientId })
})

it('AGT-09 stopped at any step of changing keys, it has a key that works, and goes on', async () => {
  const { clientId } = await enrol(device())
  let stops = 0
  for (let stopAt = 0; ; stopAt++) {
    const [old] = await registeredKeys()
    let steps = 0
    const dies = device(() => {
      if (steps++ >= stopAt) throw new TypeError('the plug was pulled')
    })
    const done = await dies.rotateKey().then(
      () => true,
      () => false,
    )
    if (done) break
    stops++
    expect(await callLibrary(device())).toMatchObject({ clientId })
    await device().rotateKey()
    expect(await callLibrary(device())).toMatchObject({ clientId })
    const [key, ...more] = await registeredKeys()
    expect(more).toEqual([])
    expect(key).not.toEqual(old)
    expect(await files()).toHaveLength(2)
  }
  expect(stops).toBeGreaterThan(12)
})

it('AGT-09 another process changes the key while a token is asked for: the new key gets it', async () => {
  const { clientId } = await enrol(device())
  const reach = network()
  const { host } = server
  let rotations = 0
  const fetch: Fetch = async (url, init) => {
    if (url.endsWith('/token') && rotations++ === 0) await device().rotateKey()
    return reach(url, init)
  }
  const enrolment = new Enrolment({ issuer: ISSUER, ...enrolmentFile(place()), host, fetch })
  expect(await callLibrary(enrolment)).toMatchObject({ clientId })
})

it('AGT-09 the server refuses the new key: the old one stays', async () => {
  await enrol(device())
  const keys = await registeredKeys()
  const reach = network()
  const { host } = server
  const fetch: Fetch = async (url, init) =>
    init.method === 'PUT' ? Response.json({ error: 'invalid_client_metadata' }, { status: 400 }) : reach(url, init)
  const enrolment = new Enrolment({ issuer: ISSUER, ...enrolmentFile(place()), host, fetch })
  await expect(enrolment.rotateKey()).rejects.toMatchObject({
    reason: 'refused',
    oauthError: 'invalid_client_metadata',
  })
  expect(await registeredKeys()).toEqual(keys)
  await enrolment.accessToken()
})

it.each([[[]], [['--json']]])('AGT-09 the command says who the device became, and no secret: %j', async (more) => {
  const [stdout, stderr] = [agentTerminal(), agentTerminal()]
  const { host } = server
  const { directory } = place()
  const argv = ['enrol', '--issuer', ISSUER, '--client-id', 'box', '--name', 'Hall box', '--state', directory, ...more]
  const io = { stdout, stderr, env: {}, host, fetch: network(), signal: new AbortController().signal }
  const code = main(argv, io)
  const codeShown = () => /[A-Z]{4}-[A-Z]{4}/.exec(stdout.written() + stderr.written())?.[0]
  expect(await approved(code, codeShown)).toBe(0)
  const { clientId, registrationToken } = await record()
  const last = stdout.written().trim().split('\n').at(-1) ?? ''
  if (more.length === 0) expect(stdout.written()).toBe(`${clientId}\n`)
  else expect(JSON.parse(last)).toEqual({ event: 'enrolled', issuer: ISSUER, client_id: clientId })
  expect(stdout.written() + stderr.written()).not.toContain(registrationToken)
})
