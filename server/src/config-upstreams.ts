// The part of the configuration about other providers: what no schema can say of them. A wrong line here opens accounts
// to strangers, so it is told at start and not at the first sign-in.
import { domainToASCII } from 'node:url'
import type { UpstreamSettings } from './accounts/upstream-settings.ts'
import type { RawConfig, SecretReference } from './config-schema.ts'

type Entry = RawConfig['upstreams'][number]
type ReadSecret = (path: string, reference: SecretReference) => string | undefined

/** What people know a provider by, and what its answers are told apart by: each is one provider's alone. */
const UNIQUE = ['id', 'name', 'issuer'] as const
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
// Entra ID under these names is everybody's: a tenant of the attacker's own makes any claim it likes.
const MANY_TENANTS = /^https:\/\/login\.microsoftonline\.com\/(common|organizations|consumers)(\/|$)/i

/** Adds to `problems`, each with its path. */
export function readUpstreams(
  { upstreams, issuer }: Pick<RawConfig, 'upstreams' | 'issuer'>,
  readSecret: ReadSecret,
  problems: string[],
): readonly UpstreamSettings[] {
  const wrong = (index: number, member: string, text: string) => problems.push(`upstreams[${index}].${member}: ${text}`)
  const domains = new Map<string, string>()
  return upstreams.map((entry, index) => {
    for (const member of UNIQUE) {
      if (upstreams.findIndex((other) => sameness(other[member]) === sameness(entry[member])) < index) {
        wrong(index, member, `"${entry[member]}" is used twice`)
      }
    }
    const problem = issuerProblem(entry, issuer)
    if (problem !== undefined) wrong(index, 'issuer', problem)
    const scope = [...new Set(entry.scope.split(' ').filter((name) => name !== ''))]
    if (!scope.includes('openid')) wrong(index, 'scope', 'must have openid in it')
    const reference = entry.client_secret
    const clientSecret = reference && readSecret(`upstreams[${index}].client_secret`, reference)
    if (reference === undefined && entry.token_endpoint_auth_method !== undefined) {
      wrong(index, 'token_endpoint_auth_method', 'is for a client_secret, and there is none')
    }
    const emailDomains = entry.email_domains.map((domain, place) => {
      const ascii = domainToASCII(domain.trim())
      const owner = domains.get(ascii)
      if (!/^[^.@]+(\.[^.@]+)+$/.test(ascii)) {
        wrong(index, `email_domains[${place}]`, 'must be a domain such as example.com')
      } else if (owner !== undefined) {
        wrong(index, `email_domains[${place}]`, `"${ascii}" belongs to ${owner} already`)
      }
      domains.set(ascii, entry.id)
      return ascii
    })
    return {
      id: entry.id,
      name: entry.name,
      issuer: entry.issuer,
      clientId: entry.client_id,
      ...(clientSecret === undefined ? {} : { clientSecret }),
      ...(entry.token_endpoint_auth_method === undefined ? {} : { authMethod: entry.token_endpoint_auth_method }),
      scope,
      accounts: entry.accounts,
      emailDomains,
      trustAmr: entry.trust_amr,
      trustEmail: entry.trust_email,
    }
  })
}

function sameness(text: string): string {
  return text.trim().toLowerCase().replace(/\/$/, '')
}

function issuerProblem({ issuer }: Entry, own: string): string | undefined {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) {
    return 'must be an address such as https://login.example.com'
  }
  if (url.protocol === 'http:' && !LOOPBACK.includes(url.hostname)) {
    return 'http is accepted on loopback alone (localhost, 127.0.0.1, [::1]); use https'
  }
  if (issuer.includes('?') || issuer.includes('#') || url.username !== '' || url.password !== '') {
    return 'no query, fragment or user name'
  }
  if (url.pathname.includes('/.well-known/')) return 'ends before /.well-known/'
  if (MANY_TENANTS.test(url.href)) return 'names no tenant of yours, so anybody’s would do; put its id in the address'
  return sameness(url.href) === sameness(own) ? 'is this server itself' : undefined
}
