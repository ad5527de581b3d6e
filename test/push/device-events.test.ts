import { once } from 'node:events'
import { DEVICE_EVENTS_PROTOCOL } from '@latchkey/shared'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { askForNumber } from '../support/screen-number.ts'
import { ISSUER, type TestServer, testServer } from '../support/test-server.ts'

describe('news over a real socket', () => {
  let server: TestServer
  let address: string
  beforeAll(async () => {
    server = await testServer()
    address = (await server.app.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws')
  })
  afterAll(() => server.close())

  function connect(protocols: string | string[] = DEVICE_EVENTS_PROTOCOL) {
    const socket = new WebSocket(`${address}/device_events`, protocols)
    const heard: string[] = []
    const numbers: (string | undefined)[] = []
    const waiting: (() => void)[] = []
    socket.on('message', (data) => {
      const { event, number } = JSON.parse(data.toString())
      heard.push(event)
      numbers.push(number)
      for (const wake of waiting.splice(0)) wake()
    })
    const closed = new Promise<number>((resolve) => socket.on('close', (code) => resolve(code)))
    return {
      socket,
      heard,
      numbers,
      closed,
      async until(event: string) {
        while (!heard.includes(event)) await new Promise<void>((resolve) => waiting.push(resolve))
      },
    }
  }
  async function listenFor(deviceCode: string) {
    const device = connect()
    await once(device.socket, 'open')
    device.socket.send(JSON.stringify({ device_code: deviceCode }))
    return device
  }

  it('MET-02 AGT-01 metadata names the address', async () => {
    const metadata = (await server.app.inject('/.well-known/oauth-authorization-server')).json()
    expect(metadata.device_events_endpoint).toBe(`${ISSUER.replace('http', 'ws')}/device_events`)
  })

  it('DEV-15 WEB-03 opened when somebody looks, approved when they say yes, then the tokens are there at once', async () => {
    const { device_code, user_code } = await server.start()
    const device = await listenFor(device_code)
    const browser = server.browser()
    await browser.open(`/link?user_code=${user_code}`)
    await browser.signIn()
    await browser.open('/link/device')
    await device.until('opened')
    await browser.submit('/link/device', { answer: 'approve' })
    await device.until('approved')
    expect(await device.closed).toBe(1000)
    expect(device.heard).toEqual(['opened', 'approved'])
    expect((await server.poll(device_code)).statusCode).toBe(200)
  })

  it('DEV-23 the number for the screen comes with opened, and to who connects after it', async () => {
    const { device_code, user_code } = await server.start()
    const device = await listenFor(device_code)
    await askForNumber(server, device_code, user_code)
    await device.until('opened')
    expect(device.numbers.at(-1)).toBe('58')
    const late = await listenFor(device_code)
    await late.until('opened')
    expect(late.numbers).toEqual(['58'])
  })

  it('DEV-14 denied is told; a code that is over is told at once', async () => {
    const { device_code, user_code } = await server.start()
    const device = await listenFor(device_code)
    await server.decide(user_code, 'deny')
    await device.until('denied')
    const late = await listenFor(device_code)
    await late.until('denied')
    expect(await late.closed).toBe(1000)
  })

  it('NEG-17 an unknown or used code is refused, and no token ever travels', async () => {
    expect(await (await listenFor('unknown')).closed).toBe(1008)
    const { device_code, user_code } = await server.start()
    await server.decide(user_code, 'approve')
    await server.poll(device_code)
    expect(await (await listenFor(device_code)).closed).toBe(1008)
  })

  it('NEG-01 a message of more than a kilobyte ends the connection, not the server', async () => {
    const device = connect()
    await once(device.socket, 'open')
    device.socket.send('x'.repeat(2_000))
    expect(await device.closed).toBe(1009)
    expect((await server.app.inject('/healthz')).statusCode).toBe(200)
  })

  it('NEG-04 another subprotocol or none, a plain GET, another path: an answer in RFC JSON', async () => {
    for (const protocols of [[], ['latchkey.device.v9']]) {
      const device = connect(protocols)
      device.socket.on('error', () => undefined)
      const [, response] = (await once(device.socket, 'unexpected-response')) as [unknown, { statusCode: number }]
      expect(response.statusCode).toBe(400)
    }
    const plain = await server.app.inject('/device_events')
    expect(plain.statusCode).toBe(426)
    expect(plain.headers.upgrade).toBe('websocket')
    expect(plain.json().error).toBe('invalid_request')
    const elsewhere = new WebSocket(`${address}/elsewhere`, DEVICE_EVENTS_PROTOCOL)
    elsewhere.on('error', () => undefined)
    const [, response] = (await once(elsewhere, 'unexpected-response')) as [unknown, { statusCode: number }]
    expect(response.statusCode).toBe(404)
  })

  it('NEG-11 stopping the server lets waiting devices go with the word to come back', async () => {
    const other = await testServer()
    const url = (await other.app.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws')
    const { device_code } = await other.start()
    const socket = new WebSocket(`${url}/device_events`, DEVICE_EVENTS_PROTOCOL)
    await once(socket, 'open')
    socket.send(JSON.stringify({ device_code }))
    const closed = once(socket, 'close')
    await other.close()
    expect((await closed)[0]).toBe(1012)
  })
})
