import { ConfigError, parseConfig } from '@latchkey/server'
import { describe, expect, it } from 'vitest'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const smtp = { url: { env: 'SMTP' }, from: 'Northwind TV <no-reply@example.com>' }
const webhook = { url: 'https://ops.example.com/hook', secret: { env: 'HOOK' } }

function parse(notices: object, environment: Record<string, string> = {}) {
  const file = JSON.parse(JSON.stringify({ notices }))
  return parseConfig(file, { SMTP: 'smtps://mail.example.com', HOOK: SECRET, ...environment }).notices
}

function problems(notices: object, environment: Record<string, string> = {}): readonly string[] {
  try {
    parse(notices, environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

describe('configuration: notices', () => {
  it('WEB-10 mail and webhook, secrets by reference', () => {
    const url = 'smtp://me%40example.com:p%2Fss@mail.example.com:2525'
    expect(parse({ smtp, webhook, operators: ['ops@example.com'] }, { SMTP: url })).toEqual({
      mail: {
        host: 'mail.example.com',
        port: 2525,
        secure: false,
        credentials: { user: 'me@example.com', pass: 'p/ss' },
        from: { name: 'Northwind TV', address: 'no-reply@example.com' },
      },
      webhook: { url: webhook.url, key: Buffer.from(SECRET.slice(6), 'base64') },
      operators: ['ops@example.com'],
    })
    expect(parse({ smtp: { ...smtp, from: 'a@b.example' } })?.mail).toEqual({
      host: 'mail.example.com',
      port: 465,
      secure: true,
      from: { name: '', address: 'a@b.example' },
    })
    expect(parse({ smtp }, { SMTP: 'smtp://[::1]' })?.mail).toMatchObject({ host: '::1', port: 587 })
    expect(parse({ webhook: { ...webhook, url: 'http://127.0.0.1:9000/x' } })?.webhook?.url).toContain('127.0.0.1')
    expect(parseConfig({}, {}).notices).toBeUndefined()
  })

  it.each([
    ['nothing to send with', {}, {}, 'notices: needs smtp or webhook'],
    [
      'another scheme',
      { smtp },
      { SMTP: 'https://mail.example.com' },
      'notices.smtp.url: must be an address such as smtps://user:password@mail.example.com',
    ],
    [
      'no address',
      { smtp },
      { SMTP: 'mail.example.com secret' },
      'notices.smtp.url: must be an address such as smtps://user:password@mail.example.com',
    ],
    [
      'no host',
      { smtp },
      { SMTP: 'smtp://' },
      'notices.smtp.url: must be an address such as smtps://user:password@mail.example.com',
    ],
    [
      'a query',
      { smtp },
      { SMTP: 'smtp://mail.example.com?tls=off' },
      'notices.smtp.url: ends after the host and the port; a special character in the password is written as %XX',
    ],
    [
      'a bad password',
      { smtp },
      { SMTP: 'smtp://me:50%@mail.example.com' },
      'notices.smtp.url: user or password hold a % that stands for nothing',
    ],
    ['no variable', { smtp }, { SMTP: '' }, 'notices.smtp.url.env: environment variable SMTP is not set'],
    [
      'no sender',
      { smtp: { ...smtp, from: 'Northwind' } },
      {},
      'notices.smtp.from: must be an address such as Northwind <no-reply@example.com>',
    ],
    [
      'two senders',
      { smtp: { ...smtp, from: 'a@example.com, b@example.com' } },
      {},
      'notices.smtp.from: must be an address such as Northwind <no-reply@example.com>',
    ],
    [
      'a header in the sender',
      { smtp: { ...smtp, from: 'A\r\nBcc: b@example.com <a@example.com>' } },
      {},
      'notices.smtp.from: must be an address such as Northwind <no-reply@example.com>',
    ],
    [
      'plain http',
      { webhook: { ...webhook, url: 'http://ops.example.com' } },
      {},
      'notices.webhook.url: must be an https address; http on loopback alone',
    ],
    [
      'a user name',
      { webhook: { ...webhook, url: 'https://me@ops.example.com' } },
      {},
      'notices.webhook.url: no user name, no fragment',
    ],
    [
      'no secret form',
      { webhook },
      { HOOK: 'northwind-northwind-northwind' },
      'notices.webhook.secret: must be whsec_ and 24 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)',
    ],
    [
      'a short secret',
      { webhook },
      { HOOK: 'whsec_bm9ydGh3aW5k' },
      'notices.webhook.secret: must be whsec_ and 24 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)',
    ],
    [
      'operators without mail',
      { webhook, operators: ['ops@example.com'] },
      {},
      'notices.operators: are told by mail: smtp is missing',
    ],
    [
      'an operator without address',
      { smtp, operators: ['ops@example.com', 'the boss'] },
      {},
      'notices.operators[1]: must be an address such as ops@example.com',
    ],
  ])('WEB-10 %s is told', (_name, notices, environment, problem) => {
    expect(problems(notices, environment)).toEqual([problem])
  })

  it('WEB-10 no problem quotes what may be a secret', () => {
    const said = problems({ smtp, webhook }, { SMTP: 'smtp://me:hunter2@/', HOOK: 'hunter2' }).join('\n')
    expect(said).not.toContain('hunter2')
    expect(said.split('\n')).toHaveLength(2)
  })
})
