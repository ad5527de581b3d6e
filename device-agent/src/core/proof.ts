// What the device's key signs: a proof for each request (RFC 9449 §4), and the assertion by which a device that lost its
// tokens signs itself back in (RFC 7523 §2.1). Both by the time of the server they are for.
import { JWK_THUMBPRINT_URI, makeProof, type ProofKey, thumbprint } from '@latchkey/shared'
import { base64url, exportJWK, SignJWT } from 'jose'
import type { Wire } from './exchange.ts'
import { KEY_ALGORITHM } from './keys.ts'

const ASSERTION_SECONDS = 120

/** The value of a `DPoP` header, good for one request. */
export function proofFor(
  wire: Wire,
  key: ProofKey,
  request: { readonly method: string; readonly url: string; readonly accessToken?: string },
): Promise<string> {
  const { method, url, accessToken } = request
  const nonce = wire.origins?.nonceFor(url)
  return makeProof({
    key,
    htm: method,
    htu: url,
    nowSeconds: timeAt(wire, url) / 1000,
    entropy: wire.host.entropy,
    ...(accessToken === undefined ? {} : { accessToken }),
    ...(nonce === undefined ? {} : { nonce }),
  })
}

/** Says to `issuer`: I hold the key that my link is bound to. Good once, for two minutes. */
export async function assertionFor(
  wire: Wire,
  key: ProofKey,
  claims: { readonly issuer: string; readonly clientId: string },
): Promise<string> {
  const jwk = await exportJWK(key.publicKey)
  const issuedAt = Math.floor(timeAt(wire, claims.issuer) / 1000)
  return new SignJWT({
    iss: claims.clientId,
    sub: JWK_THUMBPRINT_URI + (await thumbprint(jwk)),
    aud: claims.issuer,
    iat: issuedAt,
    exp: issuedAt + ASSERTION_SECONDS,
    jti: base64url.encode(wire.host.entropy(16)),
  })
    .setProtectedHeader({ typ: 'JWT', alg: KEY_ALGORITHM, jwk })
    .sign(key.privateKey)
}

/** Says to `issuer`: I am the client `clientId` (RFC 7523 §2.2, RFC 7521 §4.2). Good once, for two minutes. */
export function clientAssertionFor(
  wire: Wire,
  key: ProofKey,
  claims: { readonly issuer: string; readonly clientId: string },
): Promise<string> {
  const issuedAt = Math.floor(timeAt(wire, claims.issuer) / 1000)
  return new SignJWT({
    iss: claims.clientId,
    sub: claims.clientId,
    aud: claims.issuer,
    iat: issuedAt,
    exp: issuedAt + ASSERTION_SECONDS,
    jti: base64url.encode(wire.host.entropy(16)),
  })
    .setProtectedHeader({ typ: 'JWT', alg: KEY_ALGORITHM })
    .sign(key.privateKey)
}

function timeAt(wire: Wire, url: string): number {
  return wire.origins?.nowAt(url) ?? wire.host.clock.now()
}
