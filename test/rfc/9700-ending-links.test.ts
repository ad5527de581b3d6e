import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serverTerminal } from '../support/server-terminal.ts'
import { createStoredClient } from '../support/stored-client.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { EMAIL, type TestServer, testConfig, testServer } from '../support/test-server.ts'

describe('RFC 9700: what ends a link, while the server runs', () => {
  let folder: string
  let server: TestServer
  let command: (words: string[], input?: string) => Promise<readonly string[]>

  beforeEach(async () => {
    folder = temporaryFolder()
    const database = `sqlite:${join(folder, 'latchkey.db')}`
    server = await testServer({ config: testConfig({ database }) })
    const config = join(folder, 'latchkey.json')
    writeFileSync(config, JSON.stringify({ issuer: 'http://localhost:8080', database }))
    const terminal = serverTerminal({ LATCHKEY_CONFIG: config })
    command = async (words, input) => {
      const { code, err } = await terminal.run(words, input)
      expect([words, code, err]).toEqual([words, 0, err])
      return err
    }
  })
  afterEach(async () => {
    await server.close()
    removeFolder(folder)
  })

  const refresh = async (token: string, client_id = 'tv') =>
    (await server.token({ grant_type: 'refresh_token', client_id, refresh_token: token })).json()

  it('RT-10 SES-01 a new password ends every link and signs every browser out', async () => {
    const link = await server.link()
    const browser = server.browser()
    await browser.signIn()
    expect((await browser.open('/link')).body).toContain(EMAIL)
    const said = await command(['user', 'passwd', EMAIL, '--password-stdin'], 'another long sentence\n')
    expect(said.join()).toContain('1 link ended')
    expect((await refresh(link.refresh_token)).error).toBe('invalid_grant')
    expect((await browser.open('/link')).body).not.toContain(EMAIL)
  })

  it('RT-10 CLI-11 a client that is disabled loses its links for good; others keep theirs', async () => {
    await createStoredClient(server, {
      id: 'stored-tv',
      grantTypes: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    })
    const { device_code, user_code } = await server.start({ client_id: 'stored-tv' })
    await server.decide(user_code, 'approve')
    const theirs = (await server.poll(device_code, { client_id: 'stored-tv' })).json()
    const ours = await server.link()
    expect((await command(['client', 'disable', 'stored-tv'])).join()).toContain('1 link ended')
    expect((await refresh(theirs.refresh_token, 'stored-tv')).error).toBe('invalid_client')
    expect((await refresh(ours.refresh_token)).refresh_token).toBeDefined()

    const client = await server.store.clients.get('stored-tv')
    if (client === undefined) throw new Error('no client')
    const { disabledAt: _, ...enabled } = client
    await server.store.clients.swap(enabled)
    expect((await refresh(theirs.refresh_token, 'stored-tv')).error).toBe('invalid_grant')
  })
})
