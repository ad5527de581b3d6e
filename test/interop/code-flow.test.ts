import { writeFileSync } from 'node:fs'
import * as webapi from 'oauth4webapi'
import * as oidc from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpBrowser } from '../support/http-browser.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { LIBRARY } from '../support/test-server.ts'

const CALLBACK = 'https://app.example.com/cb'
const SECRET = 'interop-secret-interop-secret-interop-secret'
const WEB = {
  client_id: 'web',
  client_name: 'Northwind web',
  client_secret: { file: '' },
  token_endpoint_auth_method: 'client_secret_basic',
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  redirect_uris: [CALLBACK],
  post_logout_redirect_uris: ['https://app.example.com/bye'],
  scope: 'openid profile email offline_access library:read',
}

describe('the code flow, by clients that others wrote', () => {
  let folder: string
  let server: ServerProcess
  let person: HttpBrowser
  beforeAll(async () => {
    folder = temporaryFolder()
    const file = `${folder}/secret`
    writeFileSync(file, SECRET)
    const apis = [{ resource: LIBRARY, scopes: { 'library:read': 'See your library' }, introspection_clients: ['web'] }]
    server = await startServer({ folder, config: { apis, clients: [{ ...WEB, client_secret: { file } }] } })
    person = server.browser()
    await person.signIn()
  })
  afterAll(async () => {
    await server.kill('SIGKILL')
    removeFolder(folder)
  })

  /** The person agrees, if asked; the address that the browser is sent to. */
  async function follow(url: URL): Promise<URL> {
    let answer = await person.open(`${url.pathname}${url.search}`)
    if (answer.status === 200) answer = await person.submit('/authorize/consent', { answer: 'approve' })
    return new URL(answer.location ?? '')
  }

  it('AZ-06 AZ-08 OI-02 openid-client signs a person in, reads userinfo, refreshes, introspects and revokes', async () => {
    const config = await oidc.discovery(new URL(server.issuer), 'web', undefined, oidc.ClientSecretBasic(SECRET), {
      execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
    })
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
    const expectedNonce = oidc.randomNonce()
    const expectedState = oidc.randomState()
    const scope = 'openid profile email offline_access library:read'
    const parameters = {
      redirect_uri: CALLBACK,
      scope,
      nonce: expectedNonce,
      state: expectedState,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    }
    const back = await follow(oidc.buildAuthorizationUrl(config, parameters))
    const tokens = await oidc.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedNonce, expectedState })
    const claims = tokens.claims()
    expect(claims).toMatchObject({ iss: server.issuer, aud: 'web' })
    const info = await oidc.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '')
    expect(info).toMatchObject({ sub: claims?.sub, email: expect.stringContaining('@') })

    const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')
    expect(refreshed.claims()?.sub).toBe(claims?.sub)
    expect(await oidc.tokenIntrospection(config, refreshed.access_token)).toMatchObject({
      active: true,
      sub: claims?.sub,
    })
    await oidc.tokenRevocation(config, refreshed.refresh_token ?? '')
    expect((await oidc.tokenIntrospection(config, refreshed.access_token)).active).toBe(false)
  })

  it('DP-06 AZ-11 openid-client pushes its request, bound to its key', async () => {
    const config = await oidc.discovery(new URL(server.issuer), 'web', undefined, oidc.ClientSecretBasic(SECRET), {
      execute: [oidc.allowInsecureRequests],
    })
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'))
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
    const parameters = {
      redirect_uri: CALLBACK,
      scope: 'openid library:read',
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    }
    const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
    expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri'])
    const tokens = await oidc.authorizationCodeGrant(config, await follow(url), { pkceCodeVerifier }, undefined, {
      DPoP,
    })
    expect(tokens.token_type).toBe('dpop')
    const sub = tokens.claims()?.sub ?? ''
    expect(await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP })).toMatchObject({ sub })
  })

  it('OI-07 openid-client builds a logout address that we understand', async () => {
    const config = await oidc.discovery(new URL(server.issuer), 'web', undefined, oidc.ClientSecretBasic(SECRET), {
      execute: [oidc.allowInsecureRequests],
    })
    const url = oidc.buildEndSessionUrl(config, {
      post_logout_redirect_uri: 'https://app.example.com/bye',
      client_id: 'web',
    })
    const page = await person.open(`${url.pathname}${url.search}`)
    expect(page.status).toBe(200)
    expect(page.html).toContain('Northwind web')
  })

  it('AZ-06 AZ-10 oauth4webapi validates the answer, the issuer in it, and the tokens', async () => {
    const issuer = new URL(server.issuer)
    const insecure = { [webapi.allowInsecureRequests]: true }
    const as = await webapi.processDiscoveryResponse(
      issuer,
      await webapi.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
    )
    const client: webapi.Client = { client_id: 'web' }
    const authentication = webapi.ClientSecretBasic(SECRET)
    const verifier = webapi.generateRandomCodeVerifier()
    const state = webapi.generateRandomState()
    const url = new URL(as.authorization_endpoint ?? '')
    const parameters = {
      client_id: 'web',
      redirect_uri: CALLBACK,
      response_type: 'code',
      scope: 'openid library:read',
      state,
      code_challenge: await webapi.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
    const answer = webapi.validateAuthResponse(as, client, await follow(url), state)
    const response = await webapi.authorizationCodeGrantRequest(
      as,
      client,
      authentication,
      answer,
      CALLBACK,
      verifier,
      insecure,
    )
    const tokens = await webapi.processAuthorizationCodeResponse(as, client, response, { requireIdToken: true })
    expect(webapi.getValidatedIdTokenClaims(tokens)?.aud).toBe('web')

    const credentials = new URLSearchParams({ scope: 'library:read' })
    const asItself = await webapi.clientCredentialsGrantRequest(as, client, authentication, credentials, insecure)
    expect(await webapi.processClientCredentialsResponse(as, client, asItself)).toMatchObject({ scope: 'library:read' })
  })
})
