import { join } from 'node:path'
import type { Fetch } from '@latchkey/device-agent'
import type { Host } from '@latchkey/shared'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { main } from '../../device-agent/src/main.ts'
import { StoreUnavailable } from '../../server/src/oauth/store.ts'
import { familyOf } from '../../server/src/oauth/tokens/token-family.ts'
import { agentTerminal } from '../support/agent-terminal.ts'
import { dpopClient } from '../support/dpop-client.ts'
import { injectedFetch } from '../support/injected-fetch.ts'
import { keptLog } from '../support/kept-log.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { basic, ISSUER, LIBRARY, type TestServer, testServer } from '../support/test-server.ts'
import { approve, as, linkFor, setDisabled, tokenConfig } from '../support/token-clients.ts'

const DONE = [200, '', undefined]
const FOREIGN = [400, 'invalid_grant']

describe('RFC 7009: revocation', () => {
  const log = keptLog()
  let server: TestServer
  const revoke = (token: string, fields: Record<string, string> = { client_id: 'tv' }, headers = {}) =>
    server.post('/revoke', { token, ...fields }, headers)
  const done = async (answer: ReturnType<typeof revoke>) => {
    const { statusCode, body, headers } = await answer
    return [statusCode, body, headers['content-type']]
  }
  const refused = async (answer: ReturnType<typeof revoke>) => {
    const given = await answer
    return [given.statusCode, given.json().error]
  }
  const refresh = (refresh_token: string, fields = {}) =>
    server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token, ...fields })
  const isActive = async (token: string, api = 'library-api') =>
    (await server.post('/introspect', { token }, as(api))).json().active

  beforeAll(async () => {
    server = await testServer({ config: tokenConfig(), logger: log.logger })
  })
  afterAll(() => server.close())

  it('REV-01 takes POST alone, and a form with a token', async () => {
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      const answer = await server.app.inject({ method, url: '/revoke' })
      expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'POST'])
    }
    expect(await refused(server.post('/revoke', { client_id: 'tv' }))).toEqual([400, 'invalid_request'])
    expect(await refused(server.post('/revoke', { client_id: 'tv', token: ['a', 'b'] }))).toEqual([
      400,
      'invalid_request',
    ])
    const query = await server.post('/revoke?token=x', { client_id: 'tv', token: 'x' })
    expect([query.statusCode, query.json().error]).toEqual([400, 'invalid_request'])
  })

  it('REV-01 REV-03 a refresh token of a public client ends its link: no refresh, and all access tokens inactive', async () => {
    const tokens = await linkFor(server, { client_id: 'tv' })
    const next = (await refresh(tokens.refresh_token)).json()
    expect([await isActive(tokens.access_token), await isActive(next.access_token)]).toEqual([true, true])
    expect(await done(revoke(next.refresh_token))).toEqual(DONE)
    expect(await refused(refresh(next.refresh_token))).toEqual([400, 'invalid_grant'])
    expect([await isActive(tokens.access_token), await isActive(next.access_token)]).toEqual([false, false])
    const familyId = familyOf(next.refresh_token)
    expect(log.events()).toContainEqual(expect.objectContaining({ event: 'unlinked', familyId, clientId: 'tv' }))
    // Again, and for its forerunner: the same answer, with nothing left to do.
    expect(await done(revoke(next.refresh_token))).toEqual(DONE)
    expect(await done(revoke(tokens.refresh_token))).toEqual(DONE)
    expect(log.events('unlinked').filter((event) => event['familyId'] === familyId)).toHaveLength(1)
  })

  it('REV-03 a device that never got the latest token ends its link with the one before', async () => {
    const tokens = await linkFor(server, { client_id: 'tv' })
    const lost = (await refresh(tokens.refresh_token)).json()
    expect(await done(revoke(tokens.refresh_token))).toEqual(DONE)
    expect(await refused(refresh(lost.refresh_token))).toEqual([400, 'invalid_grant'])
  })

  it('REV-01 an access token ends alone, until it would have run out', async () => {
    const tokens = await linkFor(server, { client_id: 'tv', resource: [LIBRARY, 'https://reports.example.com'] })
    const other = (await refresh(tokens.refresh_token)).json()
    const opaque = (await refresh(other.refresh_token, { resource: 'https://reports.example.com' })).json()
    expect(await done(revoke(tokens.access_token))).toEqual(DONE)
    expect(await done(revoke(opaque.access_token))).toEqual(DONE)
    await server.host.advance(599_000)
    await server.store.purge(server.host.clock.now())
    expect(await isActive(tokens.access_token)).toBe(false)
    expect(await isActive(opaque.access_token, 'reports-api')).toBe(false)
    expect(await isActive(other.access_token)).toBe(true)
    expect((await refresh(opaque.refresh_token)).statusCode).toBe(200)
    expect(await done(revoke(tokens.access_token))).toEqual(DONE)
  })

  it.each(['access_token', 'refresh_token', 'nonsense'])('REV-01 the hint %s leads nowhere wrong', async (hint) => {
    const tokens = await linkFor(server, { client_id: 'tv' })
    const fields = { client_id: 'tv', token_type_hint: hint }
    expect(await done(revoke(tokens.access_token, fields))).toEqual(DONE)
    expect(await isActive(tokens.access_token)).toBe(false)
    expect(await done(revoke(tokens.refresh_token, fields))).toEqual(DONE)
    expect(await refused(refresh(tokens.refresh_token))).toEqual([400, 'invalid_grant'])
  })

  it('REV-01 what never was a token, or is one no more: 200 all the same', async () => {
    const { access_token, id_token = '' } = await linkFor(server, { client_id: 'tv' })
    await server.host.advance(600_000)
    for (const token of ['x', 'a'.repeat(69), `lk_at_${'a'.repeat(43)}`, 'a.b.c', access_token, id_token]) {
      expect(await done(revoke(token))).toEqual(DONE)
    }
    expect(await done(revoke('x', { client_id: 'tv', token_type_hint: 'nonsense' }))).toEqual(DONE)
  })

  it('REV-01 a confidential client proves who it is; nobody ends a token without that', async () => {
    const tokens = await linkFor(server, {}, { headers: as('kiosk') })
    const attempts = [
      revoke(tokens.refresh_token, {}),
      revoke(tokens.refresh_token, { client_id: 'kiosk' }),
      revoke(tokens.refresh_token, {}, basic('kiosk', 'wrong')),
      revoke(tokens.refresh_token, { client_id: 'nobody' }),
    ]
    for (const attempt of attempts) expect(await refused(attempt)).toEqual([401, 'invalid_client'])
    expect(await isActive(tokens.access_token)).toBe(true)
    expect(await done(revoke(tokens.refresh_token, {}, as('kiosk')))).toEqual(DONE)
    expect(await isActive(tokens.access_token)).toBe(false)
  })

  it('REV-02 a token of another client is refused and stays good; operators hear of a refresh token', async () => {
    const tokens = await linkFor(server, { client_id: 'tv' })
    const { access_token: opaque } = await linkFor(server, { client_id: 'tv', scope: 'reports:read' })
    for (const token of [tokens.refresh_token, tokens.access_token, opaque]) {
      expect(await refused(revoke(token, { client_id: 'other-tv' }))).toEqual(FOREIGN)
      expect(await refused(revoke(token, {}, as('library-api')))).toEqual(FOREIGN)
    }
    expect(await isActive(tokens.access_token)).toBe(true)
    expect(await isActive(opaque, 'reports-api')).toBe(true)
    expect(log.events()).toContainEqual(
      expect.objectContaining({
        event: 'foreign_refresh_token',
        familyId: familyOf(tokens.refresh_token),
        clientId: 'other-tv',
      }),
    )
    expect((await refresh(tokens.refresh_token)).statusCode).toBe(200)
  })

  it('REV-01 what is given back while the account is closed is not good again when it opens', async () => {
    const { access_token } = await linkFor(server, { client_id: 'tv' })
    await setDisabled(server, true)
    expect(await done(revoke(access_token))).toEqual(DONE)
    await setDisabled(server, false)
    expect(await isActive(access_token)).toBe(false)
  })

  it('REV-01 a key-bound device gives back without its key: it may have lost it', async () => {
    const client = await dpopClient(server)
    const tokens = await linkFor(server, { client_id: 'bound-tv' }, { post: client.post })
    expect(await isActive(tokens.access_token)).toBe(true)
    expect(await done(revoke(tokens.refresh_token, { client_id: 'bound-tv' }))).toEqual(DONE)
    expect(await isActive(tokens.access_token)).toBe(false)
    const fields = { grant_type: 'refresh_token', client_id: 'bound-tv', refresh_token: tokens.refresh_token }
    expect((await client.post('/token', fields)).json().error).toBe('invalid_grant')
  })

  it('REV-03 RT-08 ended while it is refreshed: whichever comes first, no token outlives it', async () => {
    for (const order of ['revoke first', 'refresh first']) {
      const tokens = await linkFor(server, { client_id: 'tv' })
      const steps = [() => revoke(tokens.refresh_token), () => refresh(tokens.refresh_token)]
      const answers = await Promise.all((order === 'revoke first' ? steps : steps.reverse()).map((step) => step()))
      const descendant = answers
        .map((answer) => (answer.body === '' ? {} : answer.json()))
        .find((json) => json.refresh_token)
      for (const token of [tokens.refresh_token, descendant?.refresh_token ?? tokens.refresh_token]) {
        expect(await refused(refresh(token))).toEqual([400, 'invalid_grant'])
      }
      expect(await isActive(descendant?.access_token ?? tokens.access_token)).toBe(false)
    }
  })

  it('REV-03 while the database is away: 503 and when to come again, and the token is as it was', async () => {
    const tokens = await linkFor(server, { client_id: 'tv' })
    const { families, spent } = server.store
    const [swap, insert] = [families.swap, spent.insert]
    families.swap = () => Promise.reject(new StoreUnavailable())
    spent.insert = () => Promise.reject(new StoreUnavailable())
    const answers = [await revoke(tokens.refresh_token), await revoke(tokens.access_token)]
    families.swap = swap
    spent.insert = insert
    for (const { statusCode, headers } of answers) expect([statusCode, headers['retry-after']]).toEqual([503, '1'])
    expect(await isActive(tokens.access_token)).toBe(true)
    expect(await done(revoke(tokens.refresh_token))).toEqual(DONE)
  })
})

describe('the agent’s unlink', () => {
  it('REV-01 REV-03 ends the link at the server, not only on the device', async () => {
    const folder = temporaryFolder()
    const server = await testServer({ config: tokenConfig() })
    const { host } = server
    const state = ['--state', join(folder, 'tv')]
    const seen: { refresh_token?: string; access_token?: string } = {}
    const fetch: Fetch = async (url, init) => {
      const answer = await injectedFetch(server)(url, init)
      const { pathname } = new URL(url)
      const json = pathname === '/revoke' ? {} : await answer.clone().json()
      // The person says yes before the device asks for the first time.
      if (pathname === '/device_authorization' && answer.status === 200) await approve(server, json.device_code)
      if (pathname === '/token' && answer.status === 200) Object.assign(seen, json)
      return answer
    }
    // Time passes while the agent pauses, and never while a request is on its way.
    const sleep: Host['sleep'] = async (milliseconds, signal) => {
      if (milliseconds >= 30_000) return host.sleep(milliseconds, signal)
      await host.advance(milliseconds)
      signal?.throwIfAborted()
    }
    const run = (argv: readonly string[], stderr = agentTerminal()) => {
      const signal = new AbortController().signal
      return main(argv, { stdout: agentTerminal(), stderr, env: {}, host: { ...host, sleep }, fetch, signal })
    }
    const linking = [
      'link',
      '--json',
      '--issuer',
      ISSUER,
      '--client-id',
      'tv',
      '--scope',
      'offline_access library:read',
    ]
    expect(await run([...linking, ...state])).toBe(0)
    const { access_token = '', refresh_token = '' } = seen
    const active = async () =>
      (await server.post('/introspect', { token: access_token }, as('library-api'))).json().active
    expect(await active()).toBe(true)

    const said = agentTerminal()
    expect(await run(['unlink', ...state], said)).toBe(0)
    expect(said.written()).toBe('Unlinked.\n')
    expect(await active()).toBe(false)
    expect((await server.store.families.get(familyOf(refresh_token) ?? ''))?.revokedAt).toBe(host.clock.now())
    await server.close()
    removeFolder(folder)
  })
})
