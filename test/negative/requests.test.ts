import { gzipSync } from 'node:zlib'
import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keptLog } from '../support/kept-log.ts'
import { sendRaw } from '../support/raw-http.ts'
import { basic, SECRETS, type TestServer, testServer } from '../support/test-server.ts'

const FORM = 'application/x-www-form-urlencoded'
const PAGES_AND_PROTOCOL = ['/token', '/device_authorization', '/sign-in', '/link'] as const
const PROTOCOL = ['/token', '/device_authorization'] as const

describe('requests that nobody should send', () => {
  const log = keptLog()
  let server: TestServer
  const send = (url: string, payload: string | Buffer, headers: Record<string, string> = {}) =>
    server.app.inject({ method: 'POST', url, payload, headers: { 'content-type': FORM, ...headers } })
  const expectInvalidRequest = (answer: LightMyRequestResponse) =>
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])

  beforeAll(async () => {
    server = await testServer({ logger: log.logger })
  })
  afterAll(() => server.close())

  describe('NEG-01 size and encoding', () => {
    it.each(PAGES_AND_PROTOCOL)('NEG-01 %s: more than 16 KiB is 413', async (url) => {
      const whole = `a=${'x'.repeat(4_000)}&`.repeat(5).slice(0, 16 * 1024)
      expect((await send(url, whole)).statusCode).not.toBe(413)
      expect((await send(url, `${whole}x`)).statusCode).toBe(413)
    })

    it('NEG-01 the connection is closed before the rest of it is read', async () => {
      const head = `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: 1000000\r\n\r\n`
      const answer = await sendRaw(server.app, head, 'a=1')
      expect(answer).toMatch(/^HTTP\/1\.1 413 /)
      expect(answer.toLowerCase()).toContain('connection: close')
      expect(answer).toContain('"error":"invalid_request"')
    })

    it.each(PROTOCOL)('NEG-01 %s: a compressed body is 415, also one that unpacks to gigabytes', async (url) => {
      const bomb = gzipSync(Buffer.alloc(1_000_000))
      for (const encoding of ['gzip', 'br', 'identity, gzip']) {
        const answer = await send(url, bomb, { 'content-encoding': encoding })
        expect([answer.statusCode, answer.json().error]).toEqual([415, 'invalid_request'])
      }
    })
  })

  describe('NEG-02 parameters', () => {
    const credentials = `grant_type=client_credentials&client_id=posted&client_secret=${SECRETS.POSTED_SECRET}`

    it('NEG-02 up to 64 parameters, names of 128, values of 8 KiB', async () => {
      const more = (count: number) => Array.from({ length: count }, (_, index) => `&p${index}=1`).join('')
      expect((await send('/token', credentials + more(61))).statusCode).toBe(200)
      expectInvalidRequest(await send('/token', credentials + more(62)))
      expect((await send('/token', `${credentials}&${'n'.repeat(128)}=1`)).statusCode).toBe(200)
      expectInvalidRequest(await send('/token', `${credentials}&${'n'.repeat(129)}=1`))
      expect((await send('/token', `${credentials}&v=${'v'.repeat(8192)}`)).statusCode).toBe(200)
      expectInvalidRequest(await send('/token', `${credentials}&v=${'v'.repeat(8193)}`))
    })

    it.each(PROTOCOL)('NEG-02 %s: more than 64 scopes', async (url) => {
      const scope = Array.from({ length: 65 }, (_, index) => `s${index}`).join('+')
      expectInvalidRequest(await send(url, `${credentials}&scope=${scope}`))
    })

    it('NEG-02 names that mean something to JavaScript or PHP mean nothing here', async () => {
      const odd = '&__proto__=x&constructor=x&toString=x&a[b]=1&scope[]=reports:read&hasOwnProperty=1&=x&x'
      const answer = await send('/token', credentials + odd)
      expect(answer.statusCode).toBe(200)
      expect(answer.json().scope).toBe('library:read')
      expect(Object.prototype).not.toHaveProperty('x')
    })
  })

  describe('NEG-03 headers', () => {
    const encode = (text: string | Buffer) => Buffer.from(text).toString('base64')
    it.each([
      ['no base64', '%%%'],
      ['base64url', encode('reports:x').replace(/=*$/, '-_')],
      ['nothing', ''],
      ['no colon', encode('reports')],
      ['no name', encode(':secret')],
      ['a bad percent sign', encode('reports:%zz')],
      ['half a character', encode('reports:%c3')],
      ['NUL', encode('reports:a\0b')],
      ['an encoded NUL', encode('reports:%00')],
      ['bytes that are no UTF-8', encode(Buffer.from([0x72, 0x3a, 0xff, 0xfe]))],
      ['10 KB', encode(`reports:${'s'.repeat(10_000)}`)],
      ['two words', `${encode('reports:x')} x`],
    ])('NEG-03 Basic with %s: 401 invalid_client', async (_name, value) => {
      const answer = await send('/token', 'grant_type=client_credentials', { authorization: `Basic ${value}` })
      expect([answer.statusCode, answer.json().error]).toEqual([401, 'invalid_client'])
      expect(answer.headers['www-authenticate']).toMatch(/^Basic /)
    })

    it.each(['Bearer x', 'Negotiate x', 'Basic', 'x'])('NEG-03 Authorization "%s": 401', async (authorization) => {
      const answer = await send('/token', 'grant_type=client_credentials', { authorization })
      expect([answer.statusCode, answer.json().error]).toEqual([401, 'invalid_client'])
    })

    it.each(['Authorization', 'DPoP'])('NEG-03 two %s headers are refused, not chosen from', async (name) => {
      const body = 'grant_type=client_credentials'
      const right = basic('reports', SECRETS.REPORTS_SECRET)['authorization'] ?? ''
      const lines = [
        'POST /token HTTP/1.1',
        'Host: localhost',
        'Connection: close',
        `Content-Type: ${FORM}`,
        `Content-Length: ${body.length}`,
        ...(name === 'Authorization' ? [] : [`Authorization: ${right}`]),
        `${name}: ${right}`,
        `${name.toLowerCase()}: ${right}`,
      ]
      const answer = await sendRaw(server.app, `${lines.join('\r\n')}\r\n\r\n${body}`)
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).toContain('"error":"invalid_request"')
    })
  })

  describe('NEG-04 characters', () => {
    it.each([
      ['NUL', 'device_name=a%00b'],
      ['a bare NUL', 'device_name=a\0b'],
      ['a line break', 'device_name=a%0d%0ab'],
      ['a line feed', 'scope=a%0ab'],
      ['a line break in a name', 'a%0db=1'],
      ['bad UTF-8', Buffer.from([0x61, 0x3d, 0xff])],
      ['encoded bad UTF-8', 'a=%ff'],
      ['an overlong slash', 'a=%c0%af'],
      ['a lone surrogate', 'device_name=%ed%a0%80'],
      ['a bare lone surrogate', Buffer.from([0x61, 0x3d, 0xed, 0xa0, 0x80])],
      ['half a percent sign', 'a=%'],
    ])('NEG-04 %s: invalid_request', async (_name, part) => {
      for (const url of PROTOCOL) {
        const body = Buffer.concat([Buffer.from('client_id=tv&grant_type=x&'), Buffer.from(part)])
        expectInvalidRequest(await send(url, body))
      }
    })

    it('NEG-04 pages refuse them too, as a page', async () => {
      for (const body of ['user_code=%00', 'user_code=%ff', 'user_code=%']) {
        const answer = await send('/link', body)
        expect(answer.statusCode).toBe(400)
        expect(answer.headers['content-type']).toMatch(/^text\/html/)
      }
    })

    it('NEG-04 addresses and headers full of nonsense are never an error of ours, and no log line is split', async () => {
      const urls = ['/%', '/%zz', '/link?user_code=%00', '/link?user_code=%ff', '/link?user_code[]=x&user_code=y']
      for (const url of [...urls, '/link?__proto__[x]=1', `/${'a/'.repeat(2_000)}`, '/link/%2e%2e/token', '//x']) {
        expect((await server.app.inject({ url })).statusCode).toBeLessThan(500)
      }
      const cookies = ['latchkey-visit=%00', 'latchkey-session=\u00ff', '=;;;=', `latchkey-visit=${'A'.repeat(9_000)}`]
      for (const cookie of cookies) {
        expect((await server.app.inject({ url: '/link', headers: { cookie } })).statusCode).toBe(200)
      }
      for (const line of log.events()) expect(Number(line['level'])).toBeLessThan(50)
    })
  })
})
