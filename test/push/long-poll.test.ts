import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askForNumber } from '../support/screen-number.ts'
import { type TestServer, testServer } from '../support/test-server.ts'

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

describe('RFC 7240: an answer that is held until there is one', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer()
  })
  afterEach(() => server.close())

  const ask = (device_code: string, prefer: string, more: Readonly<Record<string, string>> = {}) =>
    server.token({ grant_type: DEVICE_GRANT, client_id: 'tv', device_code, ...more }, { prefer })
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

  it('DEV-23 AGT-04 the number for its screen ends a held answer, and the next one is held without delay', async () => {
    const { device_code, user_code } = await server.start()
    const held = ask(device_code, 'wait=25')
    await isHeld()
    await server.host.advance(2_000)
    await askForNumber(server, device_code, user_code)
    const answer = await held
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ error: 'authorization_pending', number: '58' })
    // Two seconds after the one before, which said nothing of a number: no slow_down, since it was called here.
    const goesOn = ask(device_code, 'wait=25', { shown_number: '58' })
    expect(await isHeld()).toEqual([25_000])
    await server.host.advance(25_000)
    expect((await goesOn).json()).toMatchObject({ error: 'authorization_pending', number: '58' })
  })

  it('DEV-23 DEV-12 that the number is shown is good for one early poll, and only for the right one', async () => {
    const { device_code, user_code } = await server.start()
    await askForNumber(server, device_code, user_code)
    const poll = async (shown_number: string) => (await server.poll(device_code, { shown_number })).json().error
    expect(await poll('')).toBe('authorization_pending')
    expect(await poll('85')).toBe('slow_down')
    expect(await poll('58')).toBe('authorization_pending')
    expect(await poll('58')).toBe('slow_down')
  })

  it('DEV-23 a device that polls finds the number in each answer; opened without a number ends no wait', async () => {
    const { device_code, user_code } = await server.start()
    const held = ask(device_code, 'wait=25')
    await isHeld()
    const browser = server.browser()
    await browser.signIn()
    await browser.open(`/link?user_code=${user_code}`)
    expect(await isHeld()).toEqual([25_000])
    await server.host.advance(25_000)
    expect((await held).json().number).toBeUndefined()
    await askForNumber(server, device_code)
    for (let round = 0; round < 2; round++) {
      await server.host.advance(5_000)
      expect((await server.poll(device_code)).json()).toEqual({
        error: 'authorization_pending',
        error_description: 'nobody has decided yet',
        number: '58',
      })
    }
  })
})
