// The agent and our own server, both in this process, with keys: what the two say to each other is what both believe.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  credentialFile,
  DeviceAgent,
  type DeviceAgentOptions,
  type Fetch,
  keyFile,
  type LinkState,
} from '@latchkey/device-agent'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { injectedFetch } from '../support/injected-fetch.ts'
import { signedIn } from '../support/signed-in.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { EMAIL, ISSUER, LIBRARY, type TestServer, testConfig, testServer } from '../support/test-server.ts'

let folder: string
let server: TestServer
/** What the network does to an answer of the token endpoint: it gets lost while this says so. */
let loses: (grant: string | null) => boolean
/** Grants that were asked for, and how it ended. */
let asked: string[]

beforeEach(async () => {
  folder = temporaryFolder()
  const scope = 'openid profile offline_access library:read'
  const tv = { client_id: 'tv', client_name: 'Northwind TV app', token_endpoint_auth_method: 'none', scope }
  const mqtt = { ...tv, client_id: 'mqtt', dpop_bound_access_tokens: false }
  const listen = { trusted_proxies: ['127.0.0.1'] }
  server = await testServer({ config: testConfig({ clients: [tv, mqtt], listen }) })
  loses = () => false
  asked = []
})
afterEach(async () => {
  await server.close()
  removeFolder(folder)
})

function agentIn(name: string, options: Partial<DeviceAgentOptions> = {}): DeviceAgent {
  const { host } = server
  const reach = injectedFetch(server)
  const fetch: Fetch = async (url, init) => {
    const answer = await reach(url, init)
    // By the clock of the server, which is the test's.
    answer.headers.set('date', new Date(host.clock.now()).toUTCString())
    if (!url.endsWith('/token')) return answer
    const grant = new URLSearchParams(String(init.body)).get('grant_type')
    const { error = 'granted' }: { error?: string } = await answer.clone().json()
    asked.push(`${grant?.split(':').at(-1)} ${error}`)
    if (loses(grant)) throw new TypeError('fetch failed')
    return answer
  }
  const place = { directory: join(folder, name), host }
  return new DeviceAgent({
    issuer: ISSUER,
    clientId: 'tv',
    scope: 'openid profile offline_access library:read',
    resource: LIBRARY,
    credentials: credentialFile(place),
    keys: keyFile(place),
    host,
    fetch,
    ...options,
  })
}

/** From the code to the end, with the person saying yes. */
async function link(agent: DeviceAgent) {
  const states: LinkState[] = []
  let ended = false
  const linking = agent.link({ onState: (state) => states.push(state) }).finally(() => {
    ended = true
  })
  linking.catch(() => undefined)
  await server.host.until(() => states.some(({ kind }) => kind === 'waiting') || ended)
  const waiting = states.find((state) => state.kind === 'waiting')
  if (waiting) await server.decide(waiting.request.userCode, 'approve')
  while (!ended) {
    const polls = asked.length
    const [soonest = 0] = server.host.asleep()
    await server.host.advance(soonest)
    await server.host.until(() => ended || (asked.length > polls && isWaiting()))
  }
  return linking
}

/** Between two polls the only sleeper is the wait itself; during a request there is the one that would give it up. */
function isWaiting(): boolean {
  const [soonest] = server.host.asleep()
  return soonest !== undefined && soonest !== 30_000
}

it('AGT-08 links, refreshes and ends: every request proven, the token bound to the very key', async () => {
  const agent = agentIn('tv')
  await expect(link(agent)).resolves.toMatchObject({ subject: { name: 'Ana' }, missingScopes: [] })
  const first = await agent.accessToken()
  expect(first.tokenType).toBe('DPoP')
  const status = await agent.status()
  const boundTo = status.kind === 'linked' ? status.record.boundTo : undefined
  expect(decodeJwt(first.token)).toMatchObject({ client_id: 'tv', cnf: { jkt: boundTo } })
  const next = await agent.accessToken({ rejected: first.token })
  expect(decodeJwt(next.token)).toMatchObject({ cnf: { jkt: boundTo } })
  expect(asked.at(-1)).toBe('refresh_token granted')
  // A quarter of an hour later all nonces are stale; the next refresh fetches one by itself.
  server.host.clock.jump(900_000)
  await server.host.advance(900_000)
  await agent.accessToken()
  expect(asked.slice(-2)).toEqual(['refresh_token use_dpop_nonce', 'refresh_token granted'])
  expect(await agent.unlink()).toBe(true)
})

it('AGT-06 the tokens were sent and got lost: the key fetches them, nobody has to approve again', async () => {
  const agent = agentIn('tv')
  let lost = 0
  loses = (grant) => grant?.endsWith('device_code') === true && lost++ === 0
  await expect(link(agent)).resolves.toMatchObject({ subject: { name: 'Ana' } })
  expect(asked.filter((each) => !each.endsWith('use_dpop_nonce'))).toEqual([
    'device_code granted',
    'device_code invalid_grant',
    'jwt-bearer granted',
  ])
  const { token } = await agent.accessToken()
  await expect(agent.accessToken({ rejected: token })).resolves.toMatchObject({ tokenType: 'DPoP' })
})

it('STO-04 damaged credentials: back by the key, while the link lives and no longer', async () => {
  await link(agentIn('tv'))
  const damage = async () => {
    for (const name of ['credentials.json', 'credentials.json.previous']) {
      await writeFile(join(folder, 'tv', name), '', { mode: 0o600 })
    }
  }
  await damage()
  const agent = agentIn('tv')
  const { token } = await agent.accessToken()
  expect(decodeJwt(token)).toMatchObject({ client_id: 'tv', aud: LIBRARY })
  expect(await agent.status()).toMatchObject({ usable: true, key: 'here', record: { subject: { name: 'Ana' } } })
  await expect(agent.accessToken({ rejected: token })).resolves.toMatchObject({ tokenType: 'DPoP' })
  expect(await agent.unlink()).toBe(true)
  // Somebody brings the damaged files back; the link is over, and the key does not bring it back to life.
  await damage()
  const before = asked.length
  for (let i = 0; i < 2; i++) await expect(agentIn('tv').accessToken()).rejects.toMatchObject({ reason: 'unlinked' })
  expect(asked.slice(before).filter((each) => !each.endsWith('use_dpop_nonce'))).toEqual(['jwt-bearer invalid_grant'])
})

it('AGT-12 a refresh token that is nobody’s: the key brings the link back', async () => {
  const agent = agentIn('tv')
  await link(agent)
  const place = { directory: join(folder, 'tv') }
  const loaded = await credentialFile(place).load()
  if (loaded.kind === 'none') throw new Error('nothing was kept')
  await credentialFile(place).save({ ...loaded.record, refreshToken: 'x'.repeat(65), accessTokens: [] })
  await expect(agent.accessToken()).resolves.toMatchObject({ tokenType: 'DPoP' })
  expect(asked.slice(-2)).toEqual(['refresh_token invalid_grant', 'jwt-bearer granted'])
})

it('RT-11 credentials on another device: refused by the agent, and by the server when the record lies', async () => {
  await link(agentIn('tv'))
  const thief = { directory: join(folder, 'thief') }
  const loaded = await credentialFile({ directory: join(folder, 'tv') }).load()
  if (loaded.kind === 'none') throw new Error('nothing was kept')
  await credentialFile(thief).save(loaded.record)
  await keyFile(thief).obtain()
  const before = asked.length
  await expect(agentIn('thief').accessToken()).rejects.toMatchObject({
    reason: 'unlinked',
    message: expect.stringContaining('belong to the key of another device'),
  })
  expect(asked).toHaveLength(before)
  // The thief edits the record, so that it names no key.
  await credentialFile(thief).save({ ...loaded.record, boundTo: undefined })
  const { token } = loaded.record.accessTokens[0] ?? { token: '' }
  await expect(agentIn('thief').accessToken({ rejected: token })).rejects.toMatchObject({ reason: 'refused' })
  expect(asked.slice(before).filter((each) => !each.endsWith('use_dpop_nonce'))).toEqual([
    'refresh_token invalid_dpop_proof',
  ])
  // The rightful device never noticed.
  await expect(agentIn('tv').accessToken({ rejected: token })).resolves.toMatchObject({ tokenType: 'DPoP' })
})

it('AGT-08 without a key where the client may: plain tokens for programs that carry no proof, refused where it may not', async () => {
  const plain = agentIn('mqtt', { clientId: 'mqtt', binding: 'never' })
  await link(plain)
  const first = await plain.accessToken()
  expect(first).toMatchObject({ tokenType: 'Bearer' })
  expect(decodeJwt(first.token)).not.toHaveProperty('cnf')
  expect(await plain.accessToken({ rejected: first.token })).toMatchObject({ tokenType: 'Bearer' })
  expect(await keyFile({ directory: join(folder, 'mqtt') }).load()).toBeUndefined()

  await expect(link(agentIn('bound', { binding: 'never' }))).rejects.toMatchObject({
    reason: 'refused',
    oauthError: 'invalid_dpop_proof',
  })
})

it('DEV-23 AGT-04 a person elsewhere: the number comes to the screen while the answer is held, and picking it links at once', async () => {
  const { host } = server
  const states: LinkState[] = []
  const linking = agentIn('elsewhere', { showsNumber: true }).link({ onState: (state) => states.push(state) })
  const latest = () => states.findLast((state) => state.kind === 'waiting')
  await host.until(() => latest() !== undefined)
  await host.advance(6_000)
  const person = await signedIn(server, EMAIL, { 'x-forwarded-for': '203.0.113.9' })
  const page = await person.open(`/link?user_code=${latest()?.request.userCode}`)
  const offered = [...page.body.matchAll(/name="number" value="(\d\d)"/g)].map(([, number]) => number)
  expect(offered).toHaveLength(3)
  // From here on time stands still: nobody waits for an interval.
  await host.until(() => latest()?.request.number !== undefined)
  const number = latest()?.request.number ?? ''
  expect(offered).toContain(number)
  await person.submit('/link/device', { number })
  await host.until(() => states.at(-1)?.kind === 'linked')
  await linking
  expect(asked).toEqual(['device_code authorization_pending', 'device_code granted'])
})

it('DEV-23 a device that says nothing of its screen is not asked for a number', async () => {
  const { host } = server
  const states: LinkState[] = []
  const stop = new AbortController()
  const linking = agentIn('silent').link({ onState: (state) => states.push(state), signal: stop.signal })
  const latest = () => states.findLast((state) => state.kind === 'waiting')
  await host.until(() => latest() !== undefined)
  const person = await signedIn(server, EMAIL, { 'x-forwarded-for': '203.0.113.9' })
  const page = await person.open(`/link?user_code=${latest()?.request.userCode}`)
  expect(page.body).not.toContain('name="number"')
  stop.abort()
  await expect(linking).rejects.toThrow()
})
