// A passkey in software: it makes and signs what a browser would, and whatever a browser never would when a test says so
// (WebAuthn Level 3 §5.8.1, §6.1, §6.5). Written from the standard, and of nothing that the server uses.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { ISSUER } from './test-server.ts'

/** What a test may have otherwise than an honest browser and authenticator. */
export interface Twist {
  readonly origin?: string
  readonly rpId?: string
  readonly type?: string
  readonly challenge?: string
  readonly crossOrigin?: boolean
  readonly present?: boolean
  readonly verified?: boolean
  /** Backup eligible. */
  readonly synced?: boolean
  readonly counter?: number
  readonly userHandle?: string | undefined
  readonly credentialId?: string
  /** Signs with another key than the one that was registered. */
  readonly stranger?: boolean
  /** A signature over other data than what is sent. */
  readonly spoilt?: boolean
}

/** Options as the page has them. */
export interface Question {
  readonly challenge: string
  readonly allowCredentials?: readonly { readonly id: string }[]
  readonly user?: { readonly id: string }
}

export interface SoftwarePasskey {
  readonly id: string
  /** A PublicKeyCredential as JSON, for `credential` in the form. */
  create(question: Question, twist?: Twist): string
  answer(question: Question, twist?: Twist): string
}

let made = 0

/** `counts`: a security key that counts its uses; else the counter stays 0, as that of most synced passkeys. */
export function softwarePasskey(options: { readonly counts?: boolean } & Twist = {}): SoftwarePasskey {
  const { counts = false, ...always } = options
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const id = createHash('sha256').update(`passkey ${++made}`).digest('base64url')
  let uses = 0
  let handle: string | undefined

  const authenticatorData = (twist: Twist, attested?: Buffer): Buffer => {
    const { rpId = new URL(ISSUER).hostname, present = true, verified = true, synced = false } = twist
    const bits = [present, false, verified, synced, synced, false, attested !== undefined, false]
    const flags = bits.reduce((sum, bit, place) => sum + (bit ? 1 << place : 0), 0)
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(twist.counter ?? (counts ? ++uses : 0))
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), counter, attested ?? Buffer.alloc(0)])
  }
  const clientData = (type: string, question: Question, twist: Twist): Buffer =>
    Buffer.from(
      JSON.stringify({
        type: twist.type ?? type,
        challenge: twist.challenge ?? question.challenge,
        origin: twist.origin ?? new URL(ISSUER).origin,
        crossOrigin: twist.crossOrigin ?? false,
      }),
    )
  const credential = (credentialId: string, response: Record<string, unknown>): string =>
    JSON.stringify({
      id: credentialId,
      rawId: credentialId,
      type: 'public-key',
      authenticatorAttachment: 'platform',
      clientExtensionResults: {},
      response,
    })

  return {
    id,
    create(question, changes = {}) {
      const twist = { ...always, ...changes }
      handle = question.user?.id
      const credentialId = Buffer.from(twist.credentialId ?? id, 'base64url')
      const length = Buffer.alloc(2)
      length.writeUInt16BE(credentialId.length)
      const attested = Buffer.concat([Buffer.alloc(16), length, credentialId, coseKey(publicKey)])
      const attestation = cbor({ fmt: 'none', attStmt: {}, authData: authenticatorData(twist, attested) })
      return credential(credentialId.toString('base64url'), {
        clientDataJSON: clientData('webauthn.create', question, twist).toString('base64url'),
        attestationObject: attestation.toString('base64url'),
        transports: ['internal', 'hybrid'],
      })
    },
    answer(question, changes = {}) {
      const twist = { ...always, ...changes }
      const data = authenticatorData(twist)
      const client = clientData('webauthn.get', question, twist)
      const key = twist.stranger ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : privateKey
      const signed = twist.spoilt ? Buffer.concat([data, sha256('else')]) : Buffer.concat([data, sha256(client)])
      return credential(twist.credentialId ?? id, {
        clientDataJSON: client.toString('base64url'),
        authenticatorData: data.toString('base64url'),
        signature: sign('sha256', signed, key).toString('base64url'),
        userHandle: 'userHandle' in twist ? twist.userHandle : handle,
      })
    },
  }
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest()
}

/** ES256, as a COSE key (RFC 9053 §2.1, §7.1.1). */
function coseKey(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const coordinates = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')] as const
  return Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01]),
    Buffer.from([0x21]),
    cbor(coordinates[0]),
    Buffer.from([0x22]),
    cbor(coordinates[1]),
  ])
}

/** As much of RFC 8949 as an attestation needs. */
function cbor(value: string | Buffer | Readonly<Record<string, unknown>>): Buffer {
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value])
  const members = Object.entries(value).flatMap(([name, member]) => [cbor(name), cbor(member as string)])
  return Buffer.concat([head(5, members.length / 2), ...members])
}

function head(kind: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(kind << 5) | length])
  if (length < 256) return Buffer.from([(kind << 5) | 24, length])
  return Buffer.from([(kind << 5) | 25, length >> 8, length & 255])
}
