import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestServer, testServer } from '../support/test-server.ts'

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

describe('RFC 7240: an answer that is held until there is one', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer()
  })
  afterEach(() => server.close())

  const ask = (device_code: string, prefer: string) =>
    server.token({ grant_type: DEVICE_GRANT, client_id: 'tv', device_code }, { prefer })
  const isHeld = async () => {
    for (let turn = 0; turn < 50 && server.host.asleep().length === 0; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    return server.host.asleep()
  }

  it('DEV-13 AGT-04 approved while it is held: tokens at once', async () => {
    const { device_code, user_code } = await server.start()
    const held = ask(device_code, 'respond-async, wait=25')
    expect(await isHeld()).toEqual([25_000])
    await server.decide(user_code, 'approve')
    const answer = await held
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['preference-applied']).toBe('wait=25')
    expect(answer.json().access_token).toBeDefined()
  })

  it('DEV-14 denied while it is held', async () => {
    const { device_code, user_code } = await server.start()
    const held = ask(device_code, 'wait=25')
    await isHeld()
    await server.decide(user_code, 'deny')
    expect((await held).json().error).toBe('access_denied')
  })

  it('DEV-12 nothing happens: authorization_pending, and the next one is not too early', async () => {
    const { device_code } = await server.start()
    for (let round = 0; round < 3; round++) {
      const held = ask(device_code, 'wait="10"')
      expect(await isHeld()).toEqual([10_000])
      await server.host.advance(10_000)
      expect((await held).json().error).toBe('authorization_pending')
    }
    expect((await server.poll(device_code)).json().error).toBe('authorization_pending')
  })

  it('DEV-12 DEV-16 impatience is answered with slow_down, never held', async () => {
    const { device_code } = await server.start()
    await server.poll(device_code)
    expect((await ask(device_code, 'wait=25')).json().error).toBe('slow_down')
  })

  it('DEV-09 more than 25 seconds are not held, and what is no number is no wish', async () => {
    const { device_code } = await server.start()
    const held = ask(device_code, 'wait=3600')
    expect(await isHeld()).toEqual([25_000])
    await server.host.advance(25_000)
    expect((await held).headers['preference-applied']).toBe('wait=25')
    for (const prefer of ['wait=soon', 'wait=-1', 'await=9']) {
      await server.host.advance(5_000)
      const answer = await ask(device_code, prefer)
      expect(answer.headers['preference-applied']).toBeUndefined()
      expect(answer.json().error).toBe('authorization_pending')
    }
  })

  it('NEG-11 who left while it was held finds its tokens when it comes back', async () => {
    const { device_code, user_code } = await server.start()
    const address = await server.app.listen({ port: 0, host: '127.0.0.1' })
    const leave = new AbortController()
    const body = new URLSearchParams({ grant_type: DEVICE_GRANT, client_id: 'tv', device_code })
    const gone = fetch(`${address}/token`, {
      method: 'POST',
      body,
      headers: { prefer: 'wait=25' },
      signal: leave.signal,
    })
    const failed = expect(gone).rejects.toThrow()
    while (server.host.asleep().length === 0) await new Promise((resolve) => setImmediate(resolve))
    leave.abort()
    await failed
    while (server.host.asleep().length > 0) await new Promise((resolve) => setImmediate(resolve))
    await server.decide(user_code, 'approve')
    expect((await server.poll(device_code)).statusCode).toBe(200)
  })
})
