// An authenticator app: reads what the page shows and tells codes (RFC 6238, RFC 4226 §5.3). Of nothing that the server uses.
import { createHmac } from 'node:crypto'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export interface AuthenticatorApp {
  /** What the app calls the account. */
  readonly label: string
  readonly issuer: string
  /** The code that it shows at this moment; epoch milliseconds. */
  code(now: number): string
}

/** Reads an otpauth:// address. Throws when it is none. */
export function authenticatorApp(uri: string): AuthenticatorApp {
  const { protocol, host, pathname, searchParams } = new URL(uri)
  if (protocol !== 'otpauth:' || host !== 'totp') throw new Error(`no key for an app: ${uri}`)
  const bits = [...(searchParams.get('secret') ?? '')]
    .map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  return {
    label: decodeURIComponent(pathname.slice(1)),
    issuer: searchParams.get('issuer') ?? '',
    code(now) {
      const counter = Buffer.alloc(8)
      counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)))
      const digest = createHmac('sha1', key).update(counter).digest()
      const offset = (digest.at(-1) ?? 0) & 15
      return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
    },
  }
}

/** The key that the page has for an app. */
export function appFrom(html: string): AuthenticatorApp {
  return authenticatorApp((/href="(otpauth:[^"]+)"/.exec(html)?.[1] ?? '').replaceAll('&amp;', '&'))
}
