import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { main } from '../../device-agent/src/main.ts'
import { AGENT, runAgent } from '../support/agent-process.ts'
import { launchBrowser } from '../support/browser.ts'
import { fakeHost } from '../support/fake-host.ts'
import { freePort } from '../support/free-port.ts'
import { injectedFetch } from '../support/injected-fetch.ts'
import { decodeQr } from '../support/qr-decode.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { inTerminal, pictureOfSquare } from '../support/terminal.ts'
import { EMAIL, ISSUER, LIBRARY, PASSWORD, testServer } from '../support/test-server.ts'

const SCOPE = 'openid profile email offline_access library:read'

describe('the agent’s command, a server and a person', () => {
  let folder: string
  let server: ServerProcess
  let browser: Browser
  beforeAll(async () => {
    folder = temporaryFolder()
    server = await startServer({ folder })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await server.kill('SIGKILL')
    removeFolder(folder)
  })
  const state = (name: string) => ['--state', join(folder, name)]
  const client = () => ['--issuer', server.issuer, '--client-id', 'tv', '--scope', SCOPE]

  it('AGT-03 links by a square that is photographed off the screen; then token, status and unlink', async () => {
    const agent = inTerminal(
      [process.execPath, AGENT, 'link', ...client(), ...state('tv'), '--name', 'Kitchen screen'],
      folder,
    )
    await agent.until(/waiting · \d+:\d\d left/)
    const address = await decodeQr(await photo(browser, pictureOfSquare(agent.raw())))
    expect(address).toMatch(new RegExp(`^${server.issuer}/link\\?user_code=[A-Z-]{9}$`))

    const phone = await browser.newContext({ javaScriptEnabled: false })
    const page = await phone.newPage()
    await page.goto(address)
    await page.getByLabel('Email').fill(EMAIL)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    expect(await page.textContent('main')).toContain('Kitchen screen')
    await page.getByRole('button', { name: 'Yes, link it' }).click()
    await phone.close()
    expect(await agent.ended).toBe(0)
    expect(agent.text()).toContain(`Linked as Ana (${EMAIL})`)

    const token = await runAgent(['token', ...state('tv')])
    expect(token).toMatchObject({ code: 0, stderr: '' })
    const keys = createRemoteJWKSet(new URL(`${server.origin}/jwks`))
    const { payload } = await jwtVerify(token.stdout.trim(), keys, {
      issuer: server.issuer,
      audience: LIBRARY,
      typ: 'at+jwt',
    })
    expect(payload).toMatchObject({ client_id: 'tv' })

    const status = await runAgent(['status', '--json', ...state('tv')])
    expect(status.code).toBe(0)
    expect(JSON.parse(status.stdout)).toMatchObject({
      linked: true,
      usable: true,
      issuer: server.issuer,
      client_id: 'tv',
      subject: { name: 'Ana', email: EMAIL },
    })
    for (const secret of [token.stdout.trim(), 'refresh']) expect(status.stdout).not.toContain(secret)

    // Another audience than the one that was kept: this takes a refresh, of a server that was started anew.
    await server.kill('SIGKILL')
    await server.restart()
    const refreshed = await runAgent(['token', '--resource', LIBRARY, ...state('tv')])
    expect(refreshed.code).toBe(0)
    expect(refreshed.stdout).not.toBe(token.stdout)

    const unlinked = await runAgent(['unlink', ...state('tv')])
    expect(unlinked.code).toBe(0)
    expect(unlinked.stderr).toMatch(/^Unlinked/)
    expect(unlinked.stdout).toBe('')
    expect(await runAgent(['token', ...state('tv')])).toMatchObject({ code: 5, stdout: '' })
    const after = await runAgent(['status', '--json', ...state('tv')])
    expect({ ...after, stdout: JSON.parse(after.stdout) }).toMatchObject({ code: 5, stdout: { linked: false } })
  })

  it('AGT-06 ends with 3 when the person refuses, and keeps nothing', async () => {
    const person = server.browser()
    await person.signIn()
    const events: unknown[] = []
    const run = await runAgent(['link', '--json', ...client(), ...state('refused')], async (line) => {
      const event = JSON.parse(line)
      events.push(event.event)
      if (event.event === 'waiting') await person.decide(event.user_code, 'deny')
    })
    expect(run.code).toBe(3)
    // Whether the device heard that its code was opened depends on who was faster.
    expect(events.filter((event) => event !== 'opened')).toEqual(['asking', 'waiting', 'failed'])
    expect(JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ event: 'failed', reason: 'denied' })
    expect((await runAgent(['status', ...state('refused')])).code).toBe(5)
  })

  it('ends with 5 when it is not linked, with 2 when it is called wrongly', async () => {
    for (const command of ['token', 'unlink', 'status']) {
      expect((await runAgent([command, ...state('nobody')])).code, command).toBe(5)
    }
    expect((await runAgent(['link'])).code).toBe(2)
    expect((await runAgent(['dance'])).code).toBe(2)
    expect((await runAgent(['--help'])).code).toBe(0)
  })

  it('ends with 6 when no server is there, and says so in one line', async () => {
    const issuer = `http://127.0.0.1:${await freePort()}`
    const run = await runAgent(['link', '--issuer', issuer, '--client-id', 'tv', ...state('alone')])
    expect(run.code).toBe(6)
    expect(run.stdout).toBe('')
    expect(run.stderr.trim().split('\n')).toHaveLength(1)
  })

  it('AGT-05 ends with 6 when the server has gone, and keeps the link for when it is back', async () => {
    const person = server.browser()
    await person.signIn()
    const linked = await runAgent(['link', '--json', ...client(), ...state('kept')], async (line) => {
      const event = JSON.parse(line)
      if (event.event === 'waiting') await person.decide(event.user_code, 'approve')
    })
    expect(linked.code).toBe(0)
    await server.kill('SIGTERM')
    expect((await runAgent(['token', ...state('kept')])).code).toBe(0)
    expect((await runAgent(['token', '--resource', LIBRARY, ...state('kept')])).code).toBe(6)
    await server.restart()
    expect((await runAgent(['token', '--resource', LIBRARY, ...state('kept')])).code).toBe(0)
  })
})

describe('the agent’s command, and a person who never comes', () => {
  it('AGT-07 DEV-14 ends with 4 when the code has run out, and leaves nothing behind but the key of the device', async () => {
    const host = fakeHost()
    const folder = temporaryFolder()
    const server = await testServer({ host })
    let stderr = ''
    const code = await host.run(
      main(['link', '--issuer', ISSUER, '--client-id', 'tv', '--state', join(folder, 'tv')], {
        stdout: { write: () => true },
        stderr: {
          write(text) {
            stderr += text
          },
        },
        env: {},
        host,
        fetch: injectedFetch(server),
        signal: new AbortController().signal,
      }),
    )
    expect(code).toBe(4)
    expect(stderr).toMatch(/run out|expired/)
    expect(readdirSync(join(folder, 'tv'))).toEqual(['key.json'])
    await server.close()
    removeFolder(folder)
  })
})

/** The screen as a phone's camera sees it: from the side, a little turned, not at its own size. */
async function photo(browser: Browser, picture: Uint8Array): Promise<Uint8Array> {
  const page = await browser.newPage({ viewport: { width: 900, height: 900 } })
  await page.setContent(
    `<body style="margin:0;height:100vh;display:grid;place-items:center;background:#465">
      <img style="width:430px;transform:perspective(1200px) rotateY(18deg) rotateX(8deg) rotate(7deg)"
        src="data:image/png;base64,${Buffer.from(picture).toString('base64')}">`,
  )
  const shot = await page.screenshot()
  await page.close()
  return shot
}
