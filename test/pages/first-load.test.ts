// What really comes over the line when somebody opens a page: bytes counted at the socket, headers and all.
import { get, type IncomingHttpHeaders } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { ASSETS } from '@latchkey/verifier-web'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestServer, testConfig, testServer } from '../support/test-server.ts'

// Chromium's over https, and over plain http, where brotli is not asked for.
const BROWSERS = ['gzip, deflate, br, zstd', 'gzip, deflate']

interface Loaded {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Of the whole answer. */
  readonly bytes: number
}

let server: TestServer
let origin: string

beforeAll(async () => {
  server = await testServer()
  origin = await server.app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(() => server.close())

function load(path: string, accepted: string | undefined): Promise<Loaded> {
  const headers = accepted === undefined ? {} : { 'accept-encoding': accepted }
  return new Promise((resolve, reject) => {
    // A connection of its own, so that what it carried is this answer.
    const asked = get(new URL(path, origin), { agent: false, headers }, (answer) => {
      const { socket } = answer
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.once('end', () =>
        resolve({
          status: answer.statusCode,
          headers: answer.headers,
          body: Buffer.concat(parts),
          bytes: socket.bytesRead,
        }),
      )
    })
    asked.once('error', reject)
  })
}

describe('the first load of /link', () => {
  it.each(BROWSERS)('all of it stays under 14 KB for a browser that takes %s', async (accepted) => {
    const page = await load('/link', accepted)
    const html = page.body.toString()
    const paths = [...html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '')
    expect(paths.filter((path) => path.endsWith('.css'))).toHaveLength(1)
    const files = await Promise.all(paths.map((path) => load(path, accepted)))
    for (const file of files) expect(file.status).toBe(200)
    const sizes = [page, ...files].map(({ bytes }) => bytes)
    expect(sizes.reduce((sum, bytes) => sum + bytes)).toBeLessThan(14 * 1024)
  })
})

describe('what pages load', () => {
  const unpack = (coding: string | undefined, body: Buffer): Buffer => {
    if (coding === 'br') return brotliDecompressSync(body)
    return coding === 'gzip' ? gunzipSync(body) : body
  }

  it.each([
    ['br', 'gzip, deflate, br, zstd'],
    ['gzip', 'gzip, deflate'],
    ['gzip', 'br;q=0.2, GZIP ; q=0.8'],
    ['gzip', 'br;q=0, *'],
    ['br', '*;q=0.1'],
    ['br', 'gzip;q=1.0, br;q=1.000'],
    ['br', 'identity;q=0.5, br'],
    [undefined, undefined],
    [undefined, ''],
    [undefined, 'zstd, deflate'],
    [undefined, 'br;q=0, gzip;q=0.000'],
    [undefined, 'gzip;q=0.5, identity'],
    [undefined, '*;q=0'],
    // No quality that there is, and no names of codings.
    [undefined, 'br;q=2, gzip;q=-1, "gzip", brr, xgzip'],
  ])('in %s for who says Accept-Encoding: %s, and the same bytes for all', async (coding, accepted) => {
    for (const asset of ASSETS) {
      const { status, headers, body } = await load(asset.path, accepted)
      expect([status, headers['content-encoding']]).toEqual([200, coding])
      expect(unpack(headers['content-encoding'], body)).toEqual(Buffer.from(asset.body))
      expect(headers).toMatchObject({
        'content-type': asset.type,
        'content-length': String(body.length),
        'cache-control': 'public, max-age=31536000, immutable',
      })
      // Of every answer, the plain one too: a cache in between may hold that one first.
      expect(headers.vary).toBe('Accept-Encoding')
    }
  })

  it('what compressing makes no smaller goes out as it is', async () => {
    const body = Uint8Array.from({ length: 64 }, (_, index) => (index * 167 + 13) % 256)
    const logo = { path: '/assets/logo.000000000000.png', type: 'image/png', body }
    const config = testConfig()
    const themed = await testServer({ config: { ...config, theme: { logo } } })
    const answer = await themed.app.inject({ url: logo.path, headers: { 'accept-encoding': 'br, gzip' } })
    expect([answer.statusCode, answer.headers['content-encoding'], answer.headers.vary]).toEqual([
      200,
      undefined,
      undefined,
    ])
    expect(answer.rawPayload).toEqual(Buffer.from(body))
    await themed.close()
  })

  it('SES-02 a page is never compressed: what it repeats stands beside the token of its form', async () => {
    for (const path of ['/link', '/sign-in', '/nowhere']) {
      const { headers, body } = await load(path, 'br, gzip')
      expect(headers['content-encoding']).toBeUndefined()
      expect(body.toString()).toContain('<!doctype html>')
    }
  })
})
