import { ConfigError, parseConfig } from '@latchkey/server'
import { describe, expect, it } from 'vitest'

const ACME = { id: 'acme', name: 'Acme SSO', issuer: 'https://login.acme.example', client_id: 'latchkey' }
const BETA = { id: 'beta', name: 'Beta', issuer: 'https://beta.example/realms/main', client_id: 'latchkey' }

type File = Parameters<typeof parseConfig>[0]
const parse = (upstreams: readonly object[], environment: Record<string, string> = {}) =>
  parseConfig({ upstreams } as unknown as File, environment).upstreams

function problems(upstreams: readonly object[], environment: Record<string, string> = {}): readonly string[] {
  try {
    parse(upstreams, environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

describe('configuration: other providers', () => {
  it('need little, and trust nothing that is not said', () => {
    expect(parse([ACME])).toEqual([
      {
        id: 'acme',
        name: 'Acme SSO',
        issuer: 'https://login.acme.example',
        clientId: 'latchkey',
        scope: ['openid', 'profile', 'email'],
        accounts: 'known',
        emailDomains: [],
        trustAmr: false,
        trustEmail: false,
      },
    ])
  })

  it('have a secret by reference, a way to send it, domains in one spelling', () => {
    const entry = {
      ...ACME,
      client_secret: { env: 'ACME_SECRET' },
      token_endpoint_auth_method: 'client_secret_post',
      scope: 'openid  email openid',
      accounts: 'create',
      email_domains: ['ACME.example', 'bücher.example'],
      trust_amr: true,
      trust_email: true,
    }
    expect(parse([entry], { ACME_SECRET: 'shh' })).toMatchObject([
      {
        clientSecret: 'shh',
        authMethod: 'client_secret_post',
        scope: ['openid', 'email'],
        accounts: 'create',
        emailDomains: ['acme.example', 'xn--bcher-kva.example'],
        trustAmr: true,
        trustEmail: true,
      },
    ])
  })

  it('tell all mistakes at once, each with its path', () => {
    const twin = { ...ACME, issuer: 'https://LOGIN.acme.example/', name: 'acme sso', email_domains: ['acme.example'] }
    expect(
      problems([
        { ...ACME, email_domains: ['acme.example', 'ana@acme.example', 'localhost'], scope: 'profile' },
        { ...twin, client_secret: { env: 'MISSING' } },
        { ...BETA, issuer: 'http://beta.example', token_endpoint_auth_method: 'client_secret_basic' },
      ]),
    ).toEqual([
      'upstreams[0].scope: must have openid in it',
      'upstreams[0].email_domains[1]: must be a domain such as example.com',
      'upstreams[0].email_domains[2]: must be a domain such as example.com',
      'upstreams[1].id: "acme" is used twice',
      'upstreams[1].name: "acme sso" is used twice',
      'upstreams[1].issuer: "https://LOGIN.acme.example/" is used twice',
      'upstreams[1].client_secret.env: environment variable MISSING is not set',
      'upstreams[1].email_domains[0]: "acme.example" belongs to acme already',
      'upstreams[2].issuer: http is accepted on loopback alone (localhost, 127.0.0.1, [::1]); use https',
      'upstreams[2].token_endpoint_auth_method: is for a client_secret, and there is none',
    ])
  })

  it.each([
    ['not an address', 'must be an address such as https://login.example.com'],
    ['ftp://login.acme.example', 'must be an address such as https://login.example.com'],
    ['https://login.acme.example?x', 'no query, fragment or user name'],
    ['https://login.acme.example/#', 'no query, fragment or user name'],
    ['https://me@login.acme.example', 'no query, fragment or user name'],
    ['https://login.acme.example/.well-known/openid-configuration', 'ends before /.well-known/'],
    ['http://localhost:8080', 'is this server itself'],
    [
      'https://login.microsoftonline.com/common/v2.0',
      'names no tenant of yours, so anybody’s would do; put its id in the address',
    ],
    [
      'https://login.microsoftonline.com/organizations/v2.0',
      'names no tenant of yours, so anybody’s would do; put its id in the address',
    ],
  ])('an issuer that cannot be one: %s', (issuer, said) => {
    expect(problems([{ ...ACME, issuer }])).toEqual([`upstreams[0].issuer: ${said}`])
  })

  it.each(['http://127.0.0.1:9000', 'http://[::1]:9000', 'https://login.microsoftonline.com/72f988bf/v2.0'])(
    'an issuer that can: %s',
    (issuer) => {
      expect(problems([{ ...ACME, issuer }])).toEqual([])
    },
  )

  it.each(['Acme', 'a/b', '', 'x'.repeat(33)])('an id is part of an address: not %j', (id) => {
    expect(problems([{ ...ACME, id }])).toHaveLength(1)
  })
})
