// The part of the configuration about notices: where mail and webhooks go, checked at start. A wrong line here would
// leave people without the message that a stranger's device was linked.
import type { RawConfig, SecretReference } from './config-schema.ts'
import type { MailSettings } from './ops/mail.ts'
import type { NoticeSettings } from './ops/notices.ts'
import type { WebhookSettings } from './ops/webhook.ts'

type Raw = NonNullable<RawConfig['notices']>
type ReadSecret = (path: string, reference: SecretReference) => string | undefined
/** `member` stands behind `notices`. */
type Wrong = (member: string, text: string) => undefined

const ADDRESS = /^[^\s<>@,;:"\\]+@[^\s<>@,;:"\\]+$/
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
const PORTS: Readonly<Record<string, number>> = { 'smtp:': 587, 'smtps:': 465 }
const SECRET = /^whsec_[A-Za-z0-9+/]+={0,2}$/
// Standard Webhooks 1.0: 192 to 512 bits.
const SHORTEST_KEY_BYTES = 24
const LONGEST_KEY_BYTES = 64

/** Adds to `problems`, each with its path. Undefined where nobody is to be told anything. */
export function readNotices(
  { notices }: Pick<RawConfig, 'notices'>,
  readSecret: ReadSecret,
  problems: string[],
): NoticeSettings | undefined {
  if (notices === undefined) return undefined
  const wrong: Wrong = (member, text) => void problems.push(`notices${member}: ${text}`)
  const { smtp, webhook, operators } = notices
  if (smtp === undefined && webhook === undefined) wrong('', 'needs smtp or webhook')
  for (const [index, address] of operators.entries()) {
    if (!ADDRESS.test(address)) wrong(`.operators[${index}]`, 'must be an address such as ops@example.com')
  }
  if (smtp === undefined && operators.length > 0) wrong('.operators', 'are told by mail: smtp is missing')
  const mail = smtp && readMail(smtp, readSecret, wrong)
  const hook = webhook && readWebhook(webhook, readSecret, wrong)
  return {
    ...(mail === undefined ? {} : { mail }),
    ...(hook === undefined ? {} : { webhook: hook }),
    operators,
  }
}

function readMail(smtp: NonNullable<Raw['smtp']>, readSecret: ReadSecret, wrong: Wrong): MailSettings | undefined {
  const [, name = '', address = smtp.from] = /^([^<>\r\n]*)<([^<>]*)>$/.exec(smtp.from) ?? []
  if (!ADDRESS.test(address)) wrong('.smtp.from', 'must be an address such as Northwind <no-reply@example.com>')
  const text = readSecret('notices.smtp.url', smtp.url)
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const port = PORTS[url?.protocol ?? '']
  // Never quoted: there is a password in it.
  if (url === undefined || port === undefined || url.hostname === '') {
    return wrong('.smtp.url', 'must be an address such as smtps://user:password@mail.example.com')
  }
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    return wrong('.smtp.url', 'ends after the host and the port; a special character in the password is written as %XX')
  }
  const credentials = credentialsIn(url)
  if (credentials === 'unreadable') return wrong('.smtp.url', 'user or password hold a % that stands for nothing')
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? port : Number(url.port),
    secure: url.protocol === 'smtps:',
    ...(credentials === undefined ? {} : { credentials }),
    from: { name: name.trim().replace(/^"(.*)"$/, '$1'), address },
  }
}

function credentialsIn({ username, password }: URL): MailSettings['credentials'] | 'unreadable' {
  if (username === '') return undefined
  try {
    return { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
  } catch {
    return 'unreadable'
  }
}

function readWebhook(
  { url: address, secret }: NonNullable<Raw['webhook']>,
  readSecret: ReadSecret,
  wrong: Wrong,
): WebhookSettings | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined
  const local = url?.protocol === 'http:' && LOOPBACK.includes(url.hostname)
  if (url?.protocol !== 'https:' && !local) wrong('.webhook.url', 'must be an https address; http on loopback alone')
  else if (url?.username !== '' || url.hash !== '') wrong('.webhook.url', 'no user name, no fragment')
  const text = readSecret('notices.webhook.secret', secret)
  if (text === undefined) return undefined
  const key = Buffer.from(text.replace(/^whsec_/, ''), 'base64')
  if (!SECRET.test(text) || key.length < SHORTEST_KEY_BYTES || key.length > LONGEST_KEY_BYTES) {
    return wrong(
      '.webhook.secret',
      'must be whsec_ and 24 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)',
    )
  }
  return { url: address, key }
}
