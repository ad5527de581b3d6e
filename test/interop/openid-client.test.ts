import * as oidc from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpBrowser } from '../support/http-browser.ts'
import { REPORTS_SECRET, type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { EMAIL, LIBRARY } from '../support/test-server.ts'

describe('openid-client, which others wrote', () => {
  let folder: string
  let server: ServerProcess
  let person: HttpBrowser
  beforeAll(async () => {
    folder = temporaryFolder()
    server = await startServer({ folder })
    person = server.browser()
    await person.signIn()
  })
  afterAll(async () => {
    await server.kill('SIGKILL')
    removeFolder(folder)
  })

  const discover = (clientId: string, authentication: oidc.ClientAuth, algorithm: 'oidc' | 'oauth2' = 'oidc') =>
    oidc.discovery(new URL(server.issuer), clientId, undefined, authentication, {
      algorithm,
      execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
    })

  it.each(['oidc', 'oauth2'] as const)('finds the %s metadata', async (algorithm) => {
    const metadata = (await discover('tv', oidc.None(), algorithm)).serverMetadata()
    expect(metadata.issuer).toBe(server.issuer)
    expect(metadata.device_authorization_endpoint).toBe(`${server.issuer}/device_authorization`)
    expect(metadata.token_endpoint).toBe(`${server.issuer}/token`)
  })

  it('DEV-02 DEV-15 runs the device flow, verifies the id_token, and refreshes', async () => {
    const config = await discover('tv', oidc.None())
    const scope = 'openid profile email offline_access library:read'
    const started = await oidc.initiateDeviceAuthorization(config, { scope })
    const polling = oidc.pollDeviceAuthorizationGrant(config, started)
    await person.decide(started.user_code, 'approve')
    const tokens = await polling
    expect(tokens.claims()).toMatchObject({ iss: server.issuer, aud: 'tv', name: 'Ana', email: EMAIL })
    expect(tokens.scope?.split(' ').sort()).toEqual(scope.split(' ').sort())
    expect(tokens.expiresIn()).toBeGreaterThan(500)

    const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token)
    expect(refreshed.access_token).not.toBe(tokens.access_token)
    if (refreshed.id_token !== undefined) expect(refreshed.claims()?.sub).toBe(tokens.claims()?.sub)
  })

  it('DEV-14 hears that the person refused', async () => {
    const config = await discover('tv', oidc.None())
    const started = await oidc.initiateDeviceAuthorization(config, { scope: 'openid' })
    const polling = oidc.pollDeviceAuthorizationGrant(config, started)
    const refused = expect(polling).rejects.toMatchObject({ error: 'access_denied', status: 400 })
    await person.decide(started.user_code, 'deny')
    await refused
  })

  it.each([
    ['reports', 'client_secret_basic', oidc.ClientSecretBasic],
    ['posted', 'client_secret_post', oidc.ClientSecretPost],
  ] as const)(
    'CLI-01 CLI-02 gets a token for %s by client credentials (%s)',
    async (clientId, _method, authentication) => {
      const config = await discover(clientId, authentication(REPORTS_SECRET))
      const tokens = await oidc.clientCredentialsGrant(config, { scope: 'library:read', resource: LIBRARY })
      expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'library:read' })
      expect(tokens.refresh_token).toBeUndefined()
    },
  )

  it('CLI-04 is refused with a wrong secret', async () => {
    const config = await discover('reports', oidc.ClientSecretBasic('wrong'))
    const asked = oidc.clientCredentialsGrant(config, { scope: 'library:read' })
    await expect(asked).rejects.toMatchObject({ status: 401 })
  })
})
