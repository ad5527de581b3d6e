import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpBrowser } from '../support/http-browser.ts'
import { REPORTS_SECRET, type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { EMAIL, LIBRARY } from '../support/test-server.ts'

const insecure = { [oauth.allowInsecureRequests]: true }

describe('oauth4webapi, which others wrote', () => {
  let folder: string
  let server: ServerProcess
  let person: HttpBrowser
  let as: oauth.AuthorizationServer
  beforeAll(async () => {
    folder = temporaryFolder()
    server = await startServer({ folder, config: { limits: { poll_interval_seconds: 5 } } })
    person = server.browser()
    await person.signIn()
    const issuer = new URL(server.issuer)
    const answer = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' })
    as = await oauth.processDiscoveryResponse(issuer, answer)
  })
  afterAll(async () => {
    await server.kill('SIGKILL')
    removeFolder(folder)
  })

  const tv: oauth.Client = { client_id: 'tv' }
  const start = async (scope: string) => {
    const answer = await oauth.deviceAuthorizationRequest(as, tv, oauth.None(), { scope }, insecure)
    return oauth.processDeviceAuthorizationResponse(as, tv, answer)
  }
  const poll = async (deviceCode: string) => {
    const answer = await oauth.deviceCodeGrantRequest(as, tv, oauth.None(), deviceCode, insecure)
    const tokens = await oauth.processDeviceCodeResponse(as, tv, answer)
    return { tokens, answer }
  }

  it('DEV-11 DEV-12 DEV-15 runs the device flow, answer by answer, and verifies the id_token', async () => {
    const started = await start('openid email offline_access library:read')
    expect(started).toMatchObject({ verification_uri: `${server.issuer}/link`, interval: 5, expires_in: 600 })
    await expect(poll(started.device_code)).rejects.toMatchObject({ error: 'authorization_pending', status: 400 })
    await expect(poll(started.device_code)).rejects.toMatchObject({ error: 'slow_down', status: 400 })
    await person.decide(started.user_code, 'approve')

    const { tokens, answer: signed } = await poll(started.device_code)
    await oauth.validateApplicationLevelSignature(as, signed, insecure)
    expect(oauth.getValidatedIdTokenClaims(tokens)).toMatchObject({ iss: server.issuer, aud: 'tv', email: EMAIL })
    await expect(poll(started.device_code)).rejects.toMatchObject({ error: 'invalid_grant', status: 400 })

    const answer = await oauth.refreshTokenGrantRequest(as, tv, oauth.None(), tokens.refresh_token ?? '', insecure)
    const refreshed = await oauth.processRefreshTokenResponse(as, tv, answer)
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token)
  })

  it('DEV-14 hears that the person refused', async () => {
    const started = await start('library:read')
    await person.decide(started.user_code, 'deny')
    await expect(poll(started.device_code)).rejects.toMatchObject({ error: 'access_denied', status: 400 })
  })

  it.each([
    ['reports', 'client_secret_basic', oauth.ClientSecretBasic],
    ['posted', 'client_secret_post', oauth.ClientSecretPost],
  ] as const)(
    'CLI-01 CLI-02 gets a token for %s by client credentials (%s)',
    async (client_id, _method, authentication) => {
      const client = { client_id }
      const parameters = { scope: 'library:read', resource: LIBRARY }
      const proof = authentication(REPORTS_SECRET)
      const answer = await oauth.clientCredentialsGrantRequest(as, client, proof, parameters, insecure)
      const tokens = await oauth.processClientCredentialsResponse(as, client, answer)
      expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'library:read' })
    },
  )

  it('CLI-04 is told by a challenge that its secret is wrong (RFC 6749 §5.2)', async () => {
    const client = { client_id: 'reports' }
    const wrong = oauth.ClientSecretBasic('wrong')
    const answer = await oauth.clientCredentialsGrantRequest(as, client, wrong, {}, insecure)
    const processed = oauth.processClientCredentialsResponse(as, client, answer)
    await expect(processed).rejects.toMatchObject({ status: 401, cause: [{ scheme: 'basic' }] })
  })
})
