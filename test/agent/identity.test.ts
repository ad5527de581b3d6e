import { AgentError, memoryCredentials } from '@latchkey/device-agent'
import { exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { expect, it } from 'vitest'
import { agentAt, agentServer, ISSUER, identityKey, ok, type ScriptedAnswer, tokens } from '../support/agent-server.ts'
import { fakeHost } from '../support/fake-host.ts'

const SERVER_NOW = Date.UTC(2030, 0, 15, 12)

function claims(more: JWTPayload = {}): JWTPayload {
  const now = SERVER_NOW / 1000
  const person = { sub: 'person-1', name: 'Ana Example', email: 'ana@example.com' }
  return { iss: ISSUER, aud: 'tv', iat: now, exp: now + 300, ...person, ...more }
}

async function linkWith(idToken: string, keys: ScriptedAnswer, startAt = SERVER_NOW) {
  const host = fakeHost({ startAt })
  const server = agentServer(host)
  server.on('/token', ok(tokens(1, { id_token: idToken }), { date: new Date(SERVER_NOW).toUTCString() }))
  server.on('/jwks', keys)
  const credentials = memoryCredentials()
  const troubles: string[] = []
  const agent = agentAt(server, host, {
    credentials,
    onTrouble: (error) => troubles.push(error.reason),
  })
  const ended = await host.run(
    agent.link().catch((error: unknown) => {
      if (error instanceof AgentError) return error
      throw error
    }),
  )
  return { ended, loaded: await credentials.load(), troubles }
}

it.each(['RS256', 'ES256', 'EdDSA'] as const)(
  'AGT-08 names who approved, from an id_token signed with %s',
  async (alg) => {
    const key = await identityKey(alg)
    const { ended, loaded } = await linkWith(await key.sign(claims()), ok(key.keySet))
    const subject = { sub: 'person-1', name: 'Ana Example', email: 'ana@example.com' }
    expect(ended).toMatchObject({ subject })
    expect(loaded).toMatchObject({ record: { subject } })
  },
)

it.each<[string, JWTPayload]>([
  ['another issuer', { iss: `${ISSUER}/` }],
  ['another audience', { aud: 'phone' }],
  ['several audiences and another party', { aud: ['tv', 'phone'], azp: 'phone' }],
  ['an end in the past', { exp: SERVER_NOW / 1000 - 60 }],
  ['no end', { exp: undefined as never }],
  ['no subject', { sub: undefined as never }],
])('AGT-08 an id_token with %s is not believed, and nothing is kept', async (_, more) => {
  const key = await identityKey('ES256')
  const { ended, loaded } = await linkWith(await key.sign(claims(more)), ok(key.keySet))
  expect(ended).toMatchObject({ reason: 'untrusted' })
  expect(loaded).toMatchObject({ kind: 'none' })
})

it('AGT-08 an id_token signed by somebody else is not believed', async () => {
  const [key, other] = [await identityKey('ES256'), await identityKey('ES256')]
  const { ended } = await linkWith(await other.sign(claims()), ok(key.keySet))
  expect(ended).toMatchObject({ reason: 'untrusted' })
})

it('AGT-08 neither "none" nor a MAC made with the public key passes', async () => {
  const unsigned = new UnsecuredJWT(claims()).encode()
  const { publicKey } = await generateKeyPair('RS256', { extractable: true })
  const secret = new TextEncoder().encode(await exportSPKI(publicKey))
  const mac = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret)
  const { keySet } = await identityKey('RS256')
  for (const forged of [unsigned, mac, 'nonsense', 'a.b.c']) {
    expect((await linkWith(forged, ok(keySet))).ended).toMatchObject({ reason: 'untrusted' })
  }
})

it('AGT-15 a device whose clock is years off still knows who approved: the server’s Date counts', async () => {
  const key = await identityKey('ES256')
  for (const startAt of [0, SERVER_NOW + 3 * 365 * 86_400_000]) {
    const { ended } = await linkWith(await key.sign(claims()), ok(key.keySet), startAt)
    expect(ended).toMatchObject({ subject: { name: 'Ana Example' } })
  }
})

it('AGT-08 keys that cannot be fetched cost the name and not the link', async () => {
  const key = await identityKey('ES256')
  const { ended, loaded, troubles } = await linkWith(await key.sign(claims()), 'cut')
  expect(ended).toMatchObject({ subject: undefined, scopes: ['openid', 'library:read'] })
  expect(loaded).toMatchObject({ kind: 'found' })
  expect(troubles).toEqual(['unreachable'])
})
