import { once } from 'node:events'
import { connect } from 'node:net'
import fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { closeWithin } from '../../server/src/commands/stopping.ts'
import { fakeHost } from '../support/fake-host.ts'

describe('a server that is asked to stop', () => {
  it('OPS-06 finishes what is in flight, and cuts what does not end in time', async () => {
    const host = fakeHost()
    const app = fastify()
    const asked: string[] = []
    let answer: (text: string) => void = () => undefined
    const answered = new Promise<string>((resolve) => {
      answer = resolve
    })
    app.get('/:path', (request) => {
      asked.push(request.url)
      return request.url === '/slow' ? answered : new Promise(() => undefined)
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const address = app.server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const open = async (path: string) => {
      const seen = asked.length
      const socket = connect(address.port, '127.0.0.1')
      let heard = ''
      socket.setEncoding('utf8').on('data', (text: string) => {
        heard += text
      })
      socket.on('error', () => undefined)
      const closed = once(socket, 'close')
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      while (asked.length === seen) await new Promise((resolve) => setImmediate(resolve))
      return { closed, heard: () => heard }
    }
    const slow = await open('/slow')
    const never = await open('/never')

    const stopped = closeWithin(5_000, host.sleep, app)
    answer('done')
    await slow.closed
    expect(slow.heard()).toMatch(/^HTTP\/1\.1 200 [\s\S]*done$/)
    expect(host.asleep()).toEqual([5_000])
    await host.advance(5_000)
    await stopped
    await never.closed
    expect(never.heard()).toBe('')
  })

  it('leaves no timer behind', async () => {
    const host = fakeHost()
    const app = fastify()
    await app.listen({ port: 0, host: '127.0.0.1' })
    await closeWithin(5_000, host.sleep, app)
    expect(host.asleep()).toEqual([])
  })
})
