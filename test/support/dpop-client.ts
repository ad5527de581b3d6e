// A client that holds a key: it proves that with every request, and takes the server's nonce when it is told to.
import { DEVICE_CODE_GRANT, makeProof, type ProofKey, thumbprint } from '@latchkey/shared'
import type { LightMyRequestResponse } from 'fastify'
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose'
import { encode, ISSUER, type TestBrowser, type TestServer } from './test-server.ts'

type Fields = Readonly<Record<string, string | readonly string[]>>
type Headers = Readonly<Record<string, string>>

/** A key pair of a device. */
export interface DeviceKey extends ProofKey {
  readonly alg: 'ES256' | 'EdDSA' | 'RS256' | 'PS256'
  /** Public members only. */
  readonly jwk: JWK
  readonly jkt: string
}

export interface ProvenRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below the issuer, such as `/token`. */
  readonly path: string
  readonly headers?: Headers
  readonly payload?: string
  /** Sent as `Authorization: DPoP …`, its hash in the proof. */
  readonly accessToken?: string
}

export interface DpopClient {
  readonly key: DeviceKey
  /** A proof; without `nonce`, the latest that the server gave. */
  proof(input: {
    readonly htm: string
    readonly htu: string
    readonly accessToken?: string
    readonly nonce?: string
  }): Promise<string>
  /** Sends with a proof, and once more when the server asks for a nonce. */
  send(request: ProvenRequest): Promise<LightMyRequestResponse>
  /** A form, by POST. */
  post(path: string, fields: Fields, headers?: Headers): Promise<LightMyRequestResponse>
}

export async function newDeviceKey(alg: DeviceKey['alg'] = 'ES256'): Promise<DeviceKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  return { privateKey, publicKey, alg, jwk, jkt: await thumbprint(jwk) }
}

/** `key` may be one that another client holds too. `issuer` is the public address of the server, as it is configured. */
export async function dpopClient(
  server: Pick<TestServer, 'app' | 'host'>,
  options: { readonly key?: DeviceKey; readonly issuer?: string } = {},
): Promise<DpopClient> {
  const { key = await newDeviceKey(), issuer = ISSUER } = options
  let latest: string | undefined
  const client: DpopClient = {
    key,
    proof({ nonce = latest, ...what }) {
      const { clock, entropy } = server.host
      const known = nonce === undefined ? {} : { nonce }
      return makeProof({ key, ...what, ...known, nowSeconds: clock.now() / 1000, entropy })
    },
    async send({ method, path, headers = {}, payload, accessToken }) {
      const bound = accessToken === undefined ? {} : { accessToken }
      const attempt = async () => {
        const dpop = await client.proof({ htm: method, htu: issuer + path, ...bound })
        const authorization = accessToken === undefined ? {} : { authorization: `DPoP ${accessToken}` }
        const answer = await server.app.inject({
          method,
          url: path,
          headers: { ...authorization, ...headers, dpop },
          ...(payload === undefined ? {} : { payload }),
        })
        const given = answer.headers['dpop-nonce']
        latest = typeof given === 'string' ? given : latest
        return answer
      }
      const before = latest
      const answer = await attempt()
      return answer.statusCode >= 400 && latest !== before && answer.body.includes('use_dpop_nonce')
        ? attempt()
        : answer
    },
    post: (path, fields, headers = {}) =>
      client.send({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        payload: encode(fields),
      }),
  }
  return client
}

/** A JWT by the key: `claims` as they are, an undefined one left out. */
export function signedBy(
  key: DeviceKey,
  claims: Readonly<Record<string, unknown>>,
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  const payload: JWTPayload = JSON.parse(JSON.stringify(claims))
  return new SignJWT(payload).setProtectedHeader({ alg: key.alg, ...header }).sign(key.privateKey)
}

/** From the first request to tokens, bound to the client's key; `browser` is somebody signed in, else the server's user. */
export async function linkWithKey(
  server: TestServer,
  client: DpopClient,
  fields: Fields & { readonly client_id: string },
  browser?: TestBrowser,
): Promise<{ readonly access_token: string; readonly refresh_token?: string; readonly token_type: string }> {
  const asked = await client.post('/device_authorization', fields)
  if (asked.statusCode !== 200) throw new Error(`no code: ${asked.body}`)
  const started = asked.json()
  if (browser === undefined) await server.decide(started.user_code, 'approve')
  else {
    await browser.open(`/link?user_code=${started.user_code}`)
    await browser.open('/link/device')
    await browser.submit('/link/device', { answer: 'approve' })
  }
  const answer = await client.post('/token', {
    grant_type: DEVICE_CODE_GRANT,
    client_id: fields.client_id,
    device_code: started.device_code,
  })
  if (answer.statusCode !== 200) throw new Error(`not linked: ${answer.body}`)
  return answer.json()
}
