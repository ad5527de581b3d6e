import { makeProof, systemHost } from '@latchkey/shared'
import { decodeJwt, exportJWK } from 'jose'
import * as oidc from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpBrowser } from '../support/http-browser.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { DEVICE, LIBRARY } from '../support/test-server.ts'

describe('openid-client with keys: DPoP and private_key_jwt', () => {
  let folder: string
  let server: ServerProcess
  let person: HttpBrowser
  let boxKey: CryptoKey
  beforeAll(async () => {
    folder = temporaryFolder()
    const { privateKey, publicKey } = await oidc.randomDPoPKeyPair('ES256')
    boxKey = privateKey
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] }
    const box = {
      client_id: 'box',
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      scope: 'library:read',
      jwks,
    }
    const bound = { ...DEVICE, client_id: 'bound-tv', dpop_bound_access_tokens: true }
    server = await startServer({ folder, config: { clients: [DEVICE, bound, box] } })
    person = server.browser()
    await person.signIn()
  })
  afterAll(async () => {
    await server.kill('SIGKILL')
    removeFolder(folder)
  })

  const discover = (clientId: string, authentication: oidc.ClientAuth) =>
    oidc.discovery(new URL(server.issuer), clientId, undefined, authentication, {
      execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
    })

  it('CLI-06 DP-05 gets a token by an assertion of its key, and one bound to another key', async () => {
    const config = await discover('box', oidc.PrivateKeyJwt(boxKey))
    const parameters = { scope: 'library:read', resource: LIBRARY }
    expect(await oidc.clientCredentialsGrant(config, parameters)).toMatchObject({ token_type: 'bearer' })
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'))
    const bound = await oidc.clientCredentialsGrant(config, parameters, { DPoP })
    expect(bound.token_type).toBe('dpop')
    expect(decodeJwt(bound.access_token)).toMatchObject({ cnf: { jkt: await DPoP.calculateThumbprint() } })
  })

  it('CLI-10 CLI-04 is refused with an assertion of a key that is not registered', async () => {
    const { privateKey } = await oidc.randomDPoPKeyPair('ES256')
    const config = await discover('box', oidc.PrivateKeyJwt(privateKey))
    const asked = oidc.clientCredentialsGrant(config, { scope: 'library:read' })
    await expect(asked).rejects.toMatchObject({ status: 401 })
  })

  it('RT-11 DP-05 brings its key when it picks the tokens up, and must bring it again to refresh', async () => {
    const config = await discover('tv', oidc.None())
    const started = await oidc.initiateDeviceAuthorization(config, { scope: 'openid offline_access library:read' })
    await person.decide(started.user_code, 'approve')
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'))
    const tokens = await oidc.pollDeviceAuthorizationGrant(config, started, undefined, { DPoP })
    expect(tokens.token_type).toBe('dpop')

    const token = tokens.refresh_token ?? ''
    const stranger = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'))
    for (const options of [undefined, { DPoP: stranger }]) {
      await expect(oidc.refreshTokenGrant(config, token, undefined, options)).rejects.toMatchObject({ status: 400 })
    }
    const refreshed = await oidc.refreshTokenGrant(config, token, undefined, { DPoP })
    expect(refreshed.token_type).toBe('dpop')
  })

  it('DP-04 DP-07 picks up with its key what a bound client began with it', async () => {
    const config = await discover('bound-tv', oidc.None())
    const key = await oidc.randomDPoPKeyPair('ES256')
    const htu = `${server.issuer}/device_authorization`
    const ask = async (nonce?: string) => {
      const input = { key, htm: 'POST', htu, nowSeconds: Date.now() / 1000, entropy: systemHost.entropy }
      const dpop = await makeProof(nonce === undefined ? input : { ...input, nonce })
      const body = new URLSearchParams({ client_id: 'bound-tv', scope: 'library:read offline_access' })
      return fetch(htu, { method: 'POST', headers: { dpop }, body })
    }
    const challenged = await ask()
    expect(await challenged.json()).toMatchObject({ error: 'use_dpop_nonce' })
    const answer = await ask(challenged.headers.get('dpop-nonce') ?? '')
    expect(answer.status).toBe(200)
    const started = (await answer.json()) as oidc.DeviceAuthorizationResponse
    await person.decide(started.user_code, 'approve')

    const stranger = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'))
    const stolen = oidc.pollDeviceAuthorizationGrant(config, started, undefined, { DPoP: stranger })
    await expect(stolen).rejects.toMatchObject({ status: 400 })
    const DPoP = oidc.getDPoPHandle(config, key)
    const tokens = await oidc.pollDeviceAuthorizationGrant(config, started, undefined, { DPoP })
    expect(tokens.token_type).toBe('dpop')
  })
})
