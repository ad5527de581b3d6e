// Notices by HTTP, signed as Standard Webhooks 1.0 says, and what operators hear.
import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openProvider } from '../../server/src/app.ts'
import type { ProtocolEvent } from '../../server/src/oauth/provider.ts'
import type { Log } from '../../server/src/ops/log.ts'
import { createNotices, type NoticeSettings, type NoticeWriter } from '../../server/src/ops/notices.ts'
import { openWebhook } from '../../server/src/ops/webhook.ts'
import { openStore } from '../../server/src/storage/open.ts'
import { fakeHost } from '../support/fake-host.ts'
import { keptLog } from '../support/kept-log.ts'
import { type MailServer, startMailServer } from '../support/mail-server.ts'
import { EMAIL, type TestServer, testConfig, testServer } from '../support/test-server.ts'

// Published with the specification's own libraries.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** As a receiver computes it, from the headers and the bytes that came. */
function signatureOf(headers: IncomingHttpHeaders, body: string): string {
  const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
  const signed = [headers['webhook-id'], headers['webhook-timestamp'], body].join('.')
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
}

interface Post {
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly url: string
}

/** Answers with what `answers` holds, then with 204. */
async function startReceiver(answers: { status: number; location?: string }[] = []) {
  const posts: Post[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    posts.push({ headers: request.headers, body, url: request.url ?? '' })
    const { status, ...headers } = answers.shift() ?? { status: 204 }
    response.writeHead(status, headers).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    posts,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
type Receiver = Awaited<ReturnType<typeof startReceiver>>

describe('notices by webhook', () => {
  let receiver: Receiver
  let server: TestServer | undefined
  const log = keptLog()
  afterEach(async () => {
    if (server !== undefined) await server.host.run(server.close())
    await receiver.close()
  })

  const start = async (answers: Parameters<typeof startReceiver>[0] = [], smtp: object = {}, mailUrl = '') => {
    receiver = await startReceiver(answers)
    const notices = { webhook: { url: receiver.url, secret: { env: 'HOOK' } }, ...smtp }
    server = await testServer({ config: testConfig({ notices }, { HOOK: SECRET, SMTP: mailUrl }), logger: log.logger })
    return server
  }
  const arrived = async (count: number): Promise<Post> => {
    await server?.host.until(() => receiver.posts.length >= count)
    const last = receiver.posts.at(-1)
    if (last === undefined) throw new Error('nothing posted')
    return last
  }

  it('WEB-10 a new device, signed, with the message for its person where no mail is sent', async () => {
    const { link, user, store } = await start()
    await link({ device_name: 'Living room TV', device_model: 'Northwind N55' })
    const { headers, body, url } = await arrived(1)
    expect(url).toBe('/hook')
    expect(headers['content-type']).toBe('application/json')
    expect(headers['webhook-id']).toMatch(/^msg_[\w-]{24}$/)
    expect(headers['webhook-timestamp']).toBe(String(Date.UTC(2030, 0, 15, 12) / 1000))
    expect(headers['webhook-signature']).toBe(signatureOf(headers, body))
    const [family] = await store.families.byUser(user.id)
    const { type, timestamp, data } = JSON.parse(body)
    expect([type, timestamp]).toEqual(['device.linked', '2030-01-15T12:00:00.000Z'])
    expect(data).toMatchObject({
      link_id: family?.id,
      user_id: user.id,
      client_id: 'tv',
      client_name: 'Northwind TV app',
      device: { name: 'Living room TV', model: 'Northwind N55' },
      from: { address: '127.0.0.1' },
      from_afar: false,
      undo_until: '2030-02-14T12:00:00.000Z',
      notice: { to: EMAIL, subject: 'A device was linked to your account' },
    })
    expect(data.notice.text).toContain(data.undo)
    expect(data.notice.html).toContain(data.undo)
  })

  it('WEB-10 where mail is sent, neither the person’s address nor their right to undo goes anywhere else', async () => {
    const mail = await startMailServer()
    const smtp = { smtp: { url: { env: 'SMTP' }, from: 'no-reply@example.com' } }
    const { link, host, close } = await start([], smtp, mail.url)
    await link()
    const { body } = await arrived(1)
    await host.until(() => mail.mails.length === 1)
    expect(JSON.parse(body).data).not.toHaveProperty('notice')
    expect(body).not.toMatch(/undo|@example\.com/)
    await host.run(close())
    server = undefined
    await mail.close()
  })

  it('WEB-10 is sent again when it failed: the same message, signed for the moment', async () => {
    const { link, host } = await start([{ status: 500 }, { status: 302, location: '/elsewhere' }, { status: 204 }])
    await link()
    await arrived(1)
    await host.until(() => host.asleep().length > 0)
    await host.advance(10_000)
    await arrived(2)
    await host.until(() => host.asleep().length > 0)
    await host.advance(90_000)
    await arrived(3)
    const [first, second, third] = receiver.posts
    expect(new Set(receiver.posts.map(({ body }) => body)).size).toBe(1)
    expect(new Set(receiver.posts.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(receiver.posts.map(({ url }) => url)).toEqual(['/hook', '/hook', '/hook'])
    for (const post of [first, second, third]) {
      if (post === undefined) throw new Error('no post')
      expect(post.headers['webhook-signature']).toBe(signatureOf(post.headers, post.body))
    }
    expect(Number(third?.headers['webhook-timestamp'])).toBeGreaterThan(Number(first?.headers['webhook-timestamp']))
  })

  it('WEB-10 is not sent again to who is gone (410)', async () => {
    const { link, host } = await start([{ status: 410 }])
    await link()
    await host.until(() => log.events().some(({ response }) => response === 410))
    await host.advance(2 * 60 * 60 * 1000)
    expect(receiver.posts).toHaveLength(1)
  })

  it('WEB-10 a stolen token is told at once, by ids', async () => {
    const { link, token, user } = await start()
    const { refresh_token } = await link()
    const refresh = (one: string) => token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token: one })
    const second = (await refresh(refresh_token)).json().refresh_token
    await refresh(second)
    await refresh(refresh_token)
    const { body } = await arrived(2)
    expect(JSON.parse(body)).toMatchObject({ type: 'refresh.reused', data: { client_id: 'tv', user_id: user.id } })
    for (const secret of [refresh_token, second]) expect(body).not.toContain(secret)
  })
})

describe('a webhook', () => {
  it('WEB-10 signs as the specification’s libraries do', async () => {
    const host = fakeHost({ startAt: 1_614_265_330_000 })
    let signature: string | null = null
    const fetch = async (_url: string, init: RequestInit) => {
      signature = new Headers(init.headers).get('webhook-signature')
      return new Response()
    }
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
    const hook = openWebhook({ url: 'https://ops.example.com', key }, host, fetch)
    await hook.send({ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}' }, new AbortController().signal)
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it('WEB-10 waits ten seconds for an answer, and no longer', async () => {
    const host = fakeHost()
    const fetch = (_url: string, { signal }: RequestInit) =>
      new Promise<Response>((_resolve, reject) =>
        signal?.addEventListener('abort', () => reject(new Error('cut')), { once: true }),
      )
    const hook = openWebhook({ url: 'https://ops.example.com', key: Buffer.alloc(24) }, host, fetch)
    const sent = hook.send({ id: 'msg_1', body: '{}' }, new AbortController().signal)
    const refused = expect(sent).rejects.toThrow('cut')
    await host.advance(9_999)
    expect(host.asleep()).toEqual([1])
    await host.advance(1)
    await refused
  })
})

describe('what operators hear', () => {
  let mail: MailServer
  beforeEach(async () => {
    mail = await startMailServer()
  })
  afterEach(() => mail.close())

  const write: NoticeWriter = {
    device: () => ({ subject: '', text: '', html: '' }),
    change: () => ({ subject: '', text: '', html: '' }),
  }
  const log: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const reported: ProtocolEvent = {
    event: 'reported',
    requestId: 'request-1',
    clientId: 'tv',
    userId: 'usr_ana',
    requests: 3,
    links: 1,
    frozen: true,
  }

  it('WEB-05 DEV-22 a report and guessing, by mail to each, and by webhook; never so often that nobody reads it', async () => {
    const host = fakeHost()
    const store = await openStore('sqlite::memory:')
    const masterSecret = new Uint8Array(32).fill(7)
    const provider = await openProvider({ config: testConfig(), store, host, masterSecret }, () => undefined)
    const operators = ['ops@example.com', 'boss@example.com']
    const posted: string[] = []
    const fetch = async (_url: string, init: RequestInit) => {
      posted.push(String(init.body))
      return new Response()
    }
    const settings: NoticeSettings = {
      mail: { host: '127.0.0.1', port: mail.port, secure: false, from: { name: '', address: 'latchkey@example.com' } },
      webhook: { url: 'https://ops.example.com/hook', key: Buffer.alloc(24) },
      operators,
    }
    const notices = createNotices(provider, settings, { brand: 'Northwind', write, fetch, log })
    notices.note(reported)
    await host.until(() => mail.mails.length === 2)
    expect(mail.mails.map(({ recipients }) => recipients[0]).sort()).toEqual([...operators].sort())
    const [first] = mail.mails
    expect(first?.headers.get('subject')).toEqual(['Northwind: Somebody reported a code that was sent to them'])
    for (const fact of ['requestId: request-1', 'links: 1', 'latchkey audit list --since 2030-01-15']) {
      expect(first?.text).toContain(fact)
    }
    expect(JSON.parse(posted[0] ?? '')).toEqual({
      type: 'device.reported',
      timestamp: '2030-01-15T12:00:00.000Z',
      data: { request_id: 'request-1', client_id: 'tv', user_id: 'usr_ana', requests: 3, links: 1, frozen: true },
    })

    notices.note({ event: 'many_wrong_codes' })
    await host.until(() => mail.mails.length === 4)
    expect(JSON.parse(posted[1] ?? '').type).toBe('codes.guessed')
    for (let times = 0; times < 50; times++) notices.note(reported)
    await host.until(() => mail.mails.length === 22 && posted.length === 52)
    // Nothing of the ordinary is anything for operators.
    notices.note({ event: 'denied', requestId: 'r', clientId: 'tv', userId: 'usr_ana', reason: 'person' })
    notices.note({ event: 'signed_in', userId: 'usr_ana' })
    await notices.close()
    expect([mail.mails.length, posted.length]).toEqual([22, 52])
    await store.close()
  })
})
