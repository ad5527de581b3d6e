// What is answered where Node gives up on a request before there is one: to a person in words, to a program as ever.
import { negotiateLocale } from '@latchkey/verifier-web'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendRaw } from '../support/raw-http.ts'
import { type TestServer, testServer } from '../support/test-server.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterAll(() => server.close())

/** What a browser has to say whose cookies are too many; the rest of it comes in a piece of its own. */
function tooLarge(lines: readonly string[], path = '/link'): Promise<string> {
  const head = [`GET ${path} HTTP/1.1`, 'Host: localhost', ...lines, `Cookie: x=${'x'.repeat(20_000)}`]
  return sendRaw(server.app, `${head.join('\r\n')}\r\n\r\n`)
}

function split(answer: string) {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  return { head, body, length: Number(/^content-length: (\d+)/im.exec(head)?.[1]) }
}

describe('cookies that are too large', () => {
  it.each(['en', 'de', 'ja', 'ar'])('UX-08 a browser gets a page in plain words, in its language: %s', async (tag) => {
    const { head, body, length } = split(await tooLarge([`Accept: ${BROWSER}`, `Accept-Language: ${tag};q=0.9`]))
    expect(head).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
    expect(head).toMatch(/^content-type: text\/html; charset=utf-8$/im)
    expect(length).toBe(Buffer.byteLength(body))
    const { title, text } = negotiateLocale(tag).words.problem.tooLarge
    expect(body).toMatch(new RegExp(`^<!doctype html><html lang="${tag}"`))
    expect(body).toContain(`<h1>${title}</h1><p>${text}</p>`)
  })

  it('SES-05 the page loads nothing, since the cookies would come along, and repeats nothing', async () => {
    const { head, body } = split(await tooLarge([`Accept: ${BROWSER}`], '/link?x=<script>evil</script>'))
    expect(body).not.toMatch(/href|src=|<script|<style|xxx|evil/)
    for (const line of [
      /^content-security-policy: default-src 'none';/im,
      /^x-content-type-options: nosniff/im,
      /^referrer-policy: no-referrer/im,
      /^cache-control: no-store/im,
      /^connection: close/im,
    ]) {
      expect(head).toMatch(line)
    }
  })

  it('who does not say what they take may be a browser', async () => {
    expect(split(await tooLarge([])).body).toContain('<h1>Your browser sent too much</h1>')
  })

  it.each(['*/*', 'application/json'])('a program that takes %s is told in the protocol’s words', async (accept) => {
    const { head, body } = split(await tooLarge([`Accept: ${accept}`], '/userinfo'))
    expect(head).toMatch(/^HTTP\/1\.1 431 /)
    expect(JSON.parse(body)).toMatchObject({ error: 'invalid_request' })
  })
})

it('what is no HTTP is 400, in the protocol’s words, and repeats nothing', async () => {
  const { head, body, length } = split(await sendRaw(server.app, 'G<script>T / HTTP/1.1\r\n\r\n'))
  expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  expect(head).toMatch(/^content-type: application\/json/im)
  expect([length, JSON.parse(body).error]).toEqual([Buffer.byteLength(body), 'invalid_request'])
  expect(body).not.toContain('<script')
})

describe('an answer that is on its way keeps its place', () => {
  const GET = 'GET /link HTTP/1.1\r\nHost: localhost\r\n\r\n'

  it('what cannot be read comes behind a request, in the same piece: nothing is answered in its place', async () => {
    expect(await sendRaw(server.app, `${GET}G<script>T / HTTP/1.1\r\n\r\n`)).toBe('')
    expect(await sendRaw(server.app, `${GET}${GET}\0`)).toBe('')
  })

  it('a request whose own body cannot be read is told so', async () => {
    const head = 'POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded'
    const { head: answer } = split(await sendRaw(server.app, `${head}\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n`))
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  })
})
