import { AgentError, discover } from '@latchkey/device-agent'
import { expect, it } from 'vitest'
import { agentServer, ISSUER, metadata, ok, type ScriptedAnswer } from '../support/agent-server.ts'
import { fakeHost } from '../support/fake-host.ts'

const RFC8414 = '/.well-known/oauth-authorization-server'

async function ask(issuer: string, answers: Readonly<Record<string, ScriptedAnswer>> = {}) {
  const host = fakeHost()
  const server = agentServer(host, URL.canParse(issuer) ? issuer : ISSUER)
  for (const [path, answer] of Object.entries(answers)) server.on(path, answer)
  const result = await host.run(
    discover({ fetch: server.fetch, host }, issuer).catch((error: unknown) => {
      if (error instanceof AgentError) return error
      throw error
    }),
  )
  return { result, asked: server.seen.map((request) => request.url) }
}

it('AGT-01 reads the metadata of RFC 8414 and ignores what it does not know', async () => {
  const { result, asked } = await ask(ISSUER, { [RFC8414]: ok({ ...metadata(), surprise: [1] }) })
  expect(result).toEqual(metadata())
  expect(asked).toEqual([`${ISSUER}${RFC8414}`])
})

it('AGT-01 an issuer with a path has its metadata behind the inserted well-known part', async () => {
  const { result, asked } = await ask(`${ISSUER}/tenants/a`)
  expect(asked).toEqual([`${ISSUER}${RFC8414}/tenants/a`])
  expect(result).toMatchObject({ issuer: `${ISSUER}/tenants/a` })
})

it('AGT-01 falls back to OpenID Connect discovery where there is no RFC 8414 document', async () => {
  const issuer = `${ISSUER}/a`
  const { result, asked } = await ask(issuer, {
    [`${RFC8414}/a`]: { status: 404 },
    '/a/.well-known/openid-configuration': ok(metadata(issuer)),
  })
  expect(asked).toEqual([`${ISSUER}${RFC8414}/a`, `${ISSUER}/a/.well-known/openid-configuration`])
  expect(result).toMatchObject({ issuer })
})

it.each([`${ISSUER}/`, ISSUER.toUpperCase(), `${ISSUER}:443`, 'https://evil.example', undefined, 7])(
  'AGT-01 metadata that calls itself %j aborts: compared byte for byte',
  async (said) => {
    const { result } = await ask(ISSUER, { [RFC8414]: ok({ ...metadata(), issuer: said }) })
    expect(result).toMatchObject({ reason: 'untrusted' })
  },
)

it.each([
  'http://id.northwind.example',
  'http://localhost.northwind.example',
  'ftp://id.northwind.example',
  'https://user@id.northwind.example',
  'https://id.northwind.example?a=b',
  'id.northwind.example',
  '',
])('AGT-01 the issuer %j is refused before anything is sent', async (issuer) => {
  const { result, asked } = await ask(issuer)
  expect(result).toMatchObject({ reason: 'usage' })
  expect(asked).toEqual([])
})

it.each(['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080', 'http://id.localhost'])(
  'AGT-01 plain http is fine on this machine: %s',
  async (issuer) => {
    expect((await ask(issuer)).result).toMatchObject({ issuer })
  },
)

it('AGT-01 an endpoint on plain http elsewhere is not believed', async () => {
  const token_endpoint = 'http://id.northwind.example/token'
  const { result } = await ask(ISSUER, { [RFC8414]: ok({ ...metadata(), token_endpoint }) })
  expect(result).toMatchObject({ reason: 'untrusted' })
})

it.each([301, 302, 307, 308])('AGT-16 a redirect (%i) is not followed', async (status) => {
  const { result, asked } = await ask(ISSUER, { [RFC8414]: { status, headers: { location: 'https://evil.example' } } })
  expect(result).toMatchObject({ reason: 'untrusted' })
  expect(asked).toHaveLength(1)
})

it('AGT-16 reads at most 64 KiB of an answer without end', async () => {
  expect((await ask(ISSUER, { [RFC8414]: 'flood' })).result).toMatchObject({ reason: 'untrusted' })
  const large = (size: number) => ok({ ...metadata(), padding: ' '.repeat(size) })
  expect((await ask(ISSUER, { [RFC8414]: large(64_000) })).result).toMatchObject({ issuer: ISSUER })
  expect((await ask(ISSUER, { [RFC8414]: large(66_000) })).result).toMatchObject({ reason: 'untrusted' })
})

it('AGT-16 gives up after 30 s, on trouble on the way at once, and never asks twice', async () => {
  const silence = await ask(ISSUER, { [RFC8414]: 'silence' })
  expect(silence.result).toMatchObject({ reason: 'unreachable' })
  const cut = await ask(ISSUER, { [RFC8414]: 'cut' })
  expect(cut.result).toMatchObject({
    reason: 'unreachable',
    message: 'id.northwind.example cannot be reached: the connection was cut.',
  })
  expect([...silence.asked, ...cut.asked]).toHaveLength(2)
})
