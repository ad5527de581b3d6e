import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestServer, testServer } from '../support/test-server.ts'

describe('RFC 8628: the device flow', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer()
  })
  afterEach(() => server.close())

  it('DEV-15 an approved code gives tokens once, later polls invalid_grant', async () => {
    const { device_code, user_code } = await server.start()
    expect((await server.poll(device_code)).json().error).toBe('authorization_pending')
    await server.decide(user_code, 'approve')
    const tokens = await server.poll(device_code)
    expect(tokens.statusCode).toBe(200)
    expect(tokens.json()).toMatchObject({ token_type: 'Bearer', expires_in: 600 })
    const again = await server.poll(device_code)
    expect(again.statusCode).toBe(400)
    expect(again.json().error).toBe('invalid_grant')
  })
})
