// What another provider says of a person, read as what it is: claims. An e-mail address counts only as far as the
// provider says that it is theirs, and opens an account here only as far as the operator says so.
import { domainToASCII } from 'node:url'
import type { UpstreamSettings } from './upstream-settings.ts'
import { normaliseEmail } from './users.ts'

export interface UpstreamProfile {
  /** What to call them. */
  readonly name?: string
  /** What tells one account there from another, for who looks at a list of them. Proves nothing. */
  readonly label?: string
  /** Normalised; only when the provider says that it has confirmed it. */
  readonly email?: string
  /** Whether this provider alone gives such addresses out: then whoever has one here and whoever has one there are one. */
  readonly vouchedEmail: boolean
}

const LONGEST_NAME = 64
const LONGEST_LABEL = 254
// Controls, lone surrogates, and what turns or hides text: names end up in tokens and messages, not in pages alone.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200B\u2060\uFEFF\s]+/gu
const GOOGLE_MAIL = ['gmail.com', 'googlemail.com']

/** `claims`: of an ID token or of userinfo, and so from one source. `google`: whether the provider is Google. */
export function upstreamProfile(
  claims: Readonly<Record<string, unknown>>,
  { emailDomains, trustEmail }: Pick<UpstreamSettings, 'emailDomains' | 'trustEmail'>,
  google: boolean,
): UpstreamProfile {
  const confirmed = claims['email_verified'] === true || (trustEmail && claims['email_verified'] === undefined)
  const email = confirmed ? addressIn(claims['email']) : undefined
  const domain = email === undefined ? undefined : domainOf(email)
  const name = line(claims['name'], LONGEST_NAME)
  const label =
    line(claims['email'], LONGEST_LABEL) ??
    line(claims['preferred_username'], LONGEST_LABEL) ??
    line(claims['name'], LONGEST_NAME)
  // A Google account may have any address that once proved to be its owner's. Only for accounts of a Workspace does
  // Google speak for the domain, and says which in `hd`.
  const speaksFor = !google || GOOGLE_MAIL.includes(domain ?? '') || claims['hd'] === domain
  return {
    ...(name === undefined ? {} : { name }),
    ...(label === undefined ? {} : { label }),
    ...(email === undefined ? {} : { email }),
    vouchedEmail: domain !== undefined && emailDomains.includes(domain) && speaksFor,
  }
}

/** The domain of an address, in ASCII and lower case; '' when it has none that could be one. */
export function domainOf(email: string): string {
  return domainToASCII(email.slice(email.lastIndexOf('@') + 1))
}

/**
 * An address that normalising changes in more than the case of ASCII letters is none: a Kelvin sign becomes a plain k,
 * and with it somebody else's address.
 */
function addressIn(claim: unknown): string | undefined {
  if (typeof claim !== 'string') return undefined
  const plain = claim.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  return normaliseEmail(claim) === plain ? plain : undefined
}

function line(claim: unknown, most: number): string | undefined {
  if (typeof claim !== 'string') return undefined
  const text = claim
    .slice(0, 4 * most)
    .replace(UNPRINTABLE, ' ')
    .trim()
  return text === '' ? undefined : Array.from(text).slice(0, most).join('').trimEnd()
}
