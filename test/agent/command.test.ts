import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keyFile } from '@latchkey/device-agent'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { main } from '../../device-agent/src/main.ts'
import {
  agentServer,
  deviceAuthorization,
  ISSUER,
  identityKey,
  ok,
  refused,
  type ScriptedAnswer,
  tokens,
} from '../support/agent-server.ts'
import { agentTerminal, plainText } from '../support/agent-terminal.ts'
import { fakeHost } from '../support/fake-host.ts'
import { bindsToKeys, boundTokens, proofOf } from '../support/key-server.ts'
import { decodeQr, terminalPicture } from '../support/qr-decode.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

let directory: string

beforeEach(() => {
  directory = join(temporaryFolder(), 'state')
})
afterEach(() => removeFolder(join(directory, '..')))

const LINK = [
  'link',
  '--issuer',
  ISSUER,
  '--client-id',
  'tv',
  '--scope',
  'openid library:read',
  '--name',
  'Living room',
]
const UTF8 = { LANG: 'en_US.UTF-8', TERM: 'xterm-256color' }

function scene(shape: Parameters<typeof agentTerminal>[0] = {}, env: Record<string, string> = {}) {
  const host = fakeHost()
  const server = agentServer(host)
  const stop = new AbortController()
  const stderrs: ReturnType<typeof agentTerminal>[] = []
  const start = (...argv: readonly string[]) => {
    const [stdout, stderr] = [agentTerminal(), agentTerminal(shape)]
    stderrs.push(stderr)
    const io = {
      stdout,
      stderr,
      env: { LATCHKEY_AGENT_STATE: directory, ...env },
      host,
      fetch: server.fetch,
      signal: stop.signal,
    }
    return { stdout, stderr, code: main(argv, io) }
  }
  const run = async (...argv: readonly string[]) => {
    const { stdout, stderr, code } = start(...argv)
    return { code: await host.run(code), out: stdout.written(), err: stderr.written() }
  }
  return { host, server, stop, start, run }
}

/** A terminal that shows the page of a waiting link. */
async function waiting(
  shape: { columns: number; rows?: number },
  env: Record<string, string> = UTF8,
  answer = deviceAuthorization(),
) {
  const { host, server, start, stop } = scene({ isTTY: true, rows: 40, ...shape }, env)
  server.on('/device_authorization', ok(answer))
  const { stderr, code } = start(...LINK)
  await host.until(() => /waiting/i.test(stderr.written()))
  const lines = stderr.screen()
  stop.abort()
  return { lines, text: lines.map(plainText).join('\n'), code: await code, stderr }
}

it('STO-06 link, token, status, unlink: no secret on any channel but the token on stdout', async () => {
  const { server, run } = scene()
  const key = await identityKey('ES256')
  const now = Date.UTC(2030, 0, 15, 12) / 1000
  const person = { sub: '1', name: 'Ana Example', email: 'ana@example.com' }
  const id_token = await key.sign({ iss: ISSUER, aud: 'tv', iat: now, exp: now + 300, ...person })
  server.on('/jwks', ok(key.keySet))
  server.on('/token', refused('authorization_pending'), ok(tokens(1, { id_token })))

  const linked = await run(...LINK)
  expect(linked).toMatchObject({ code: 0, out: '' })
  expect(linked.err).toBe(
    [
      `To link this device, open ${ISSUER}/link and enter the code WDJB-MJHT`,
      `Or open ${ISSUER}/link/WDJBMJHT and check that it shows the code WDJB-MJHT`,
      'Waiting, for 10 minutes',
      'Linked as Ana Example (ana@example.com), until somebody unlinks it',
      '',
    ].join('\n'),
  )
  const token = await run('token')
  expect(token).toEqual({ code: 0, out: 'canary-access-1\n', err: '' })
  const status = await run('status')
  expect(status).toMatchObject({ code: 0, err: '' })
  expect(status.out).toContain('Linked as Ana Example')
  const json = await run('status', '--json')
  expect(JSON.parse(json.out)).toMatchObject({
    linked: true,
    usable: true,
    issuer: ISSUER,
    client_id: 'tv',
    subject: person,
  })
  const unlinked = await run('unlink')
  expect(unlinked).toMatchObject({ code: 0, out: '' })
  expect(await run('status')).toMatchObject({ code: 5, out: 'Not linked.\n' })
  for (const { out, err } of [linked, status, json, unlinked, { out: '', err: token.err }]) {
    expect(out + err).not.toContain('canary')
    expect(out + err).not.toContain(id_token)
  }
})

it.each<[string, number, ScriptedAnswer]>([
  ['denied', 3, refused('access_denied')],
  ['expired', 4, refused('expired_token')],
  ['refused', 1, refused('invalid_client')],
  ['unbelievable', 1, { status: 200, text: 'hello' }],
])('AGT-06 %s ends with exit code %i and one line on stderr', async (_, code, answer) => {
  const { server, run } = scene()
  server.on('/token', answer)
  const ended = await run(...LINK)
  expect(ended).toMatchObject({ code, out: '' })
  expect(ended.err.split('\n').filter((line) => line.startsWith('latchkey-agent: '))).toHaveLength(1)
})

it('AGT-06 exit codes: 2 wrong usage, 5 needs linking, 6 unreachable, 0 help', async () => {
  const { server, run } = scene()
  expect((await run('link')).code).toBe(2)
  expect((await run('dance')).code).toBe(2)
  expect((await run('token', '--client-secret', 'hunter2')).code).toBe(2)
  expect((await run('link', '--issuer', 'http://id.northwind.example', '--client-id', 'tv')).code).toBe(2)
  expect(await run('token')).toEqual({
    code: 5,
    out: '',
    err: 'latchkey-agent: This device is not linked. Link it: latchkey-agent link\n',
  })
  server.on('/.well-known/oauth-authorization-server', 'cut')
  expect(await run(...LINK)).toMatchObject({ code: 6, out: '' })
  const help = await run('--help')
  expect(help).toMatchObject({ code: 0, err: '' })
  expect(help.out).toContain('Exit codes: 0 done')
  expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/)
})

it('AGT-03 --json writes one object per event to stdout, without device code and tokens', async () => {
  const { server, run } = scene()
  server.on('/token', 'cut', refused('authorization_pending'), ok(tokens(1)))
  const { code, out, err } = await run(...LINK, '--json')
  const events = out
    .trimEnd()
    .split('\n')
    .map((line): { event: string } => JSON.parse(line))
  expect([code, err]).toEqual([0, ''])
  expect(events.map(({ event }) => event)).toEqual(['asking', 'waiting', 'retrying', 'waiting', 'linked'])
  expect(events[1]).toEqual({
    event: 'waiting',
    user_code: 'WDJB-MJHT',
    verification_uri: `${ISSUER}/link`,
    verification_uri_complete: `${ISSUER}/link/WDJBMJHT`,
    expires_in: 600,
  })
  expect(out).not.toContain('canary')
})

it('STO-06 the client secret comes from the environment or a file', async () => {
  const file = join(directory, '..', 'secret')
  await writeFile(file, 'from-file\n')
  for (const [env, more, secret] of [
    [{ LATCHKEY_AGENT_CLIENT_SECRET: 'from-env' }, [], 'from-env'],
    [{}, ['--client-secret-file', file], 'from-file'],
  ] as const) {
    const { server, run } = scene({}, env)
    server.on('/token', ok(tokens(1)))
    expect(await run(...LINK, ...more)).toMatchObject({ code: 0 })
    expect(server.polls()[0]?.headers.get('authorization')).toBe(`Basic ${btoa(`tv:${secret}`)}`)
  }
  const { run } = scene()
  expect(await run(...LINK, '--client-secret-file', `${file}.not`)).toMatchObject({ code: 2 })
})

it.each([80, 120, 60])(
  'QR-05 QR-04 on %i columns the square on the screen is the complete address',
  async (columns) => {
    const { lines, text } = await waiting({ columns })
    const square = lines.filter((line) => line.includes('\x1b[38;5;16'))
    // Words beside the square stay: what a phone sees is the whole screen.
    expect(await decodeQr(terminalPicture(square, [0, 0, 0], [255, 255, 255]))).toBe(`${ISSUER}/link/WDJBMJHT`)
    expect(text).toContain('id.northwind.example/link')
    expect(text).toContain('WDJB-MJHT')
    for (const line of text.split('\n')) expect([...line].length).toBeLessThan(columns)
  },
)

it.each([8, 14, 20, 40, 60, 80, 100])(
  'QR-05 a complete address of %i characters fits its page, no word lost',
  async (length) => {
    const verification_uri = 'http://a'
    const verification_uri_complete = verification_uri.padEnd(length, '/x')
    const answer = deviceAuthorization({ verification_uri, verification_uri_complete })
    for (const columns of [120, 80, 52]) {
      const { lines, text } = await waiting({ columns }, UTF8, answer)
      const square = lines.filter((line) => line.includes('\x1b[38;5;16'))
      expect(await decodeQr(terminalPicture(square, [0, 0, 0], [255, 255, 255]))).toBe(verification_uri_complete)
      for (const words of ['Link this device', verification_uri, 'W', 'left']) expect(text).toContain(words)
      // The first and the last line of the large letters, or neither.
      expect(text.includes('█   █ █▀▀▀▄   ▀█▀')).toBe(text.includes('▀   ▀  ▀▀   ▀   ▀   ▀'))
    }
  },
)

it.each<[string, { columns: number; rows?: number }, Record<string, string>]>([
  ['a narrow terminal', { columns: 36 }, UTF8],
  ['a low terminal', { columns: 80, rows: 16 }, UTF8],
  ['another locale', { columns: 80 }, { LANG: 'en_US.ISO-8859-1', TERM: 'xterm' }],
  ['no colour', { columns: 80 }, { ...UTF8, NO_COLOR: '1' }],
  ['a dumb terminal', { columns: 80 }, { ...UTF8, TERM: 'dumb' }],
])('QR-04 %s gets the address and the code as text alone', async (_, shape, env) => {
  const { text, lines } = await waiting(shape, env)
  expect(lines.join('')).not.toContain('\x1b[38;5;16')
  expect(text.replace(/\n\s*/g, '')).toContain('id.northwind.example/link')
  expect(text).toMatch(/W ?D ?J ?B ?- ?M ?J ?H ?T/)
  if (env['NO_COLOR']) expect(lines.join('')).not.toContain('\x1b[')
  if (env['LANG'] !== UTF8.LANG) expect(lines.join('')).toMatch(/^[\x20-\x7e\x1b\r]*$/)
})

it('QR-02 an address too long for a square is shown as text, whole', async () => {
  const verification_uri = `${ISSUER}/${'long/'.repeat(30)}`
  const answer = deviceAuthorization({ verification_uri, verification_uri_complete: `${verification_uri}WDJBMJHT` })
  const { lines, text } = await waiting({ columns: 60 }, UTF8, answer)
  expect(lines.join('')).not.toContain('\x1b[38;5;16')
  expect(text.replace(/\n\s*/g, '')).toContain(verification_uri.replace('https://', ''))
})

/** A terminal on which somebody elsewhere has opened the code: after the page with the square. */
async function numbered(
  shape: { isTTY?: boolean; columns: number; rows?: number },
  env: Record<string, string> = UTF8,
) {
  const { host, server, start, stop } = scene({ isTTY: true, rows: 40, ...shape }, env)
  server.on('/token', refused('authorization_pending'), refused('authorization_pending', { number: '58' }))
  const { stderr, code } = start(...LINK)
  await host.until(() => /waiting/i.test(stderr.written()))
  await host.advance(10_000)
  const lines = stderr.screen()
  stop.abort()
  return { server, lines, text: lines.map(plainText).join('\n'), code: await code, stderr }
}

it('DEV-23 AGT-03 the number takes the place of the square, in letters for the whole room; the code stays', async () => {
  const { lines, text, server, stderr, code } = await numbered({ columns: 80 })
  expect(server.seen.find(({ url }) => url.endsWith('/device_authorization'))?.form['device_display']).toBe('number')
  expect(lines.join('')).not.toContain('\x1b[38;5;16')
  expect(text.split('\n').slice(1, 13)).toEqual([
    '  Continue on your phone',
    '',
    '  1  Check that it shows  WDJB-MJHT',
    '  2  Tap  58',
    '',
    '     ██████████     ██████',
    '     ██           ██      ██',
    '     ████████     ██      ██',
    '             ██     ██████',
    '             ██   ██      ██',
    '     ██      ██   ██      ██',
    '       ██████       ██████',
  ])
  expect(text).toMatch(/waiting · 9:50 left$/)
  expect(code).toBe(130)
  expect(stderr.screen().join('')).toBe('')
})

it.each<[string, { isTTY?: boolean; columns: number; rows?: number }, Record<string, string>]>([
  ['a low terminal', { columns: 80, rows: 12 }, UTF8],
  ['a very low terminal', { columns: 80, rows: 8 }, UTF8],
  ['a narrow terminal', { columns: 36 }, UTF8],
  ['another locale', { columns: 80 }, { LANG: 'en_US.ISO-8859-1', TERM: 'xterm' }],
])('DEV-23 %s has the number as large as it can', async (_, shape, env) => {
  const { text, lines } = await numbered(shape, env)
  expect(text).toContain('Tap  58')
  expect(text).toContain('WDJB-MJHT')
  expect(lines.length).toBeLessThanOrEqual(shape.rows ?? 40)
  for (const line of text.split('\n')) expect([...line].length).toBeLessThan(shape.columns)
  if (env['LANG'] !== UTF8.LANG) expect(lines.join('')).toMatch(/^[\x20-\x7e\x1b\r]*$/)
})

it('DEV-23 in a log it is one line, said once', async () => {
  const { text } = await numbered({ isTTY: false, columns: 80 })
  expect(text.split('\n').slice(3)).toEqual(['On your phone, check that it shows the code WDJB-MJHT, and tap 58', ''])
})

it.each([true, false])('DEV-23 --json tells the number; that it is shown says who reads it: %s', async (shows) => {
  const { server, run } = scene()
  server.on('/token', refused('authorization_pending', { number: '58' }), ok(tokens(1)))
  const { out } = await run(...LINK, '--json', ...(shows ? ['--shows-number'] : []))
  const events = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(events[2]).toEqual({ event: 'opened', number: '58' })
  const [asked] = server.seen.filter(({ url }) => url.endsWith('/device_authorization'))
  expect(asked?.form['device_display']).toBe(shows ? 'number' : undefined)
})

it('AGT-07 the time left counts down in place; at the end the code leaves the screen and the cursor returns', async () => {
  const { host, server, start } = scene({ isTTY: true, columns: 80, rows: 40 }, UTF8)
  server.on('/device_authorization', ok(deviceAuthorization({ expires_in: 65 })))
  const { stderr, code } = start(...LINK)
  await host.until(() => /waiting/.test(stderr.written()))
  const height = stderr.screen().length
  expect(plainText(stderr.screen().join('\n'))).toContain('waiting · 1:05 left')
  // A whole number of pictures, 120 ms each.
  await host.advance(50_040)
  expect(plainText(stderr.screen().join('\n'))).toContain('waiting · 0:15 left')
  expect(stderr.screen()).toHaveLength(height)
  server.on('/token', 'cut')
  await host.advance(5000)
  expect(plainText(stderr.screen().join('\n'))).toMatch(/no answer · trying again in \d+ s/)
  expect(await host.run(code)).toBe(6)
  expect(plainText(stderr.screen().join('\n')).trim()).toMatch(/^latchkey-agent: The code ran out while .+$/)
  expect(stderr.written().lastIndexOf('\x1b[?25h')).toBeGreaterThan(stderr.written().lastIndexOf('\x1b[?25l'))
  expect(host.asleep()).toEqual([])
})

it('AGT-03 Ctrl-C ends cleanly: exit code 130, nothing left on the screen, the cursor back', async () => {
  const { code, stderr } = await waiting({ columns: 80 })
  expect(code).toBe(130)
  expect(stderr.screen().join('')).toBe('')
  expect(stderr.written().endsWith('\x1b[?25h')).toBe(true)
})

it('AGT-03 control and bidirectional characters from the server never reach the terminal', async () => {
  const { server, run } = scene()
  const hostile = '\u001b[2J\u0007\u202eDROW\u009b31m\r\n'
  server.on('/device_authorization', ok(deviceAuthorization({ user_code: `WD${hostile}` })))
  server.on('/token', refused('invalid_client', { error_description: `oh${hostile}no` }))
  const { err } = await run(...LINK)
  expect(err).toContain('WD[2JDROW31m')
  expect(err).toMatch(/^[\x20-\x7e\n]*$/)
  const page = await waiting({ columns: 80 }, UTF8, deviceAuthorization({ user_code: `WD${hostile}` }))
  expect(page.stderr.written()).not.toMatch(/\x1b\[2J|\u0007|\u202e|\u009b/)
})

it('request prints what the API says: 0 for a yes, 1 for a no, with one line on stderr', async () => {
  const { server, run } = scene()
  bindsToKeys(server)
  server.on('/token', ok(boundTokens(1)))
  await run(...LINK)
  server.on(
    '/library',
    { status: 200, text: '{"shows":[]}' },
    { status: 404, text: 'no such shelf' },
    { status: 201, text: '' },
  )
  const url = 'https://api.northwind.example/library'
  expect(await run('request', url)).toEqual({ code: 0, out: '{"shows":[]}', err: '' })
  expect(await run('request', url, '-X', 'DELETE', '-H', 'X-Shelf: 7', '-H', 'Accept:text/plain')).toEqual({
    code: 1,
    out: 'no such shelf',
    err: 'latchkey-agent: api.northwind.example answered 404\n',
  })
  expect(await run('request', url, '-d', 'title=Tea')).toMatchObject({ code: 0 })
  const calls = server.seen.filter((request) => request.url === url)
  expect(calls.map(({ method }) => method)).toEqual(['GET', 'DELETE', 'POST'])
  for (const call of calls) {
    expect(call.headers.get('authorization')).toBe('DPoP canary-access-1')
    expect(proofOf(call)['htm']).toBe(call.method)
  }
  expect(calls[1]?.headers.get('x-shelf')).toBe('7')
  expect(calls[1]?.headers.get('accept')).toBe('text/plain')
  expect(calls[2]?.form).toEqual({ title: 'Tea' })
  expect(calls[2]?.headers.get('content-type')).toBe('application/x-www-form-urlencoded')
})

it('AGT-06 request: 2 for a wrong header or address, 5 when not linked, 6 when nobody answers', async () => {
  const { server, run } = scene()
  const url = 'https://api.northwind.example/library'
  expect(await run('request', url)).toMatchObject({ code: 5, out: '' })
  server.on('/token', ok(tokens(1)))
  await run(...LINK)
  for (const wrong of [['-H', 'no colon'], ['-H', 'A: b\nC: d'], ['-H', 'Ä: b'], ['--data']]) {
    expect(await run('request', url, ...wrong), wrong.join(' ')).toMatchObject({ code: 2, out: '' })
  }
  expect((await run('request')).code).toBe(2)
  expect((await run('request', 'http://api.northwind.example/library')).code).toBe(2)
  server.on('/library', 'cut')
  expect(await run('request', url)).toEqual({
    code: 6,
    out: '',
    err: 'latchkey-agent: api.northwind.example cannot be reached: the connection was cut.\n',
  })
  expect(server.seen.filter((request) => request.url === url)).toHaveLength(1)
})

it('status tells of the key; a copied folder is named as what it is', async () => {
  const { server, run } = scene()
  bindsToKeys(server)
  server.on('/token', ok(boundTokens(1)))
  await run(...LINK)
  expect((await run('status')).out).toContain('bound    to the key of this device')
  const json = JSON.parse((await run('status', '--json')).out)
  expect(json).toMatchObject({ usable: true, key: 'here', bound_to: expect.stringMatching(/^[\w-]{43}$/) })
  await rm(join(directory, 'key.json'))
  const without = await run('status')
  expect(without).toMatchObject({
    code: 5,
    out: expect.stringContaining('the key that the credentials belong to is gone'),
  })
  await keyFile({ directory }).obtain()
  const foreign = await run('status')
  expect(foreign).toMatchObject({ code: 5, out: expect.stringContaining('belong to the key of another device') })
  expect(await run('token')).toMatchObject({ code: 5, out: '', err: expect.stringContaining('key of another device') })
  expect((await run('unlink')).code).toBe(0)
})

it('STO-04 damaged credentials: the command says what helps, and told the server it comes back by its key', async () => {
  for (const how of ['options', 'environment'] as const) {
    const env = { LATCHKEY_AGENT_ISSUER: ISSUER, LATCHKEY_AGENT_CLIENT_ID: 'tv' }
    const { server, run } = scene({}, how === 'environment' ? env : {})
    bindsToKeys(server)
    server.on('/token', ok(boundTokens(1)), ok(boundTokens(2)))
    await run(...LINK)
    await writeFile(join(directory, 'credentials.json'), 'x')
    await writeFile(join(directory, 'credentials.json.previous'), 'x', { mode: 0o600 })
    if (how === 'options') {
      const message = expect.stringMatching(
        /^latchkey-agent: The credentials are damaged\. .* --issuer and --client-id\n$/,
      )
      expect(await run('token')).toEqual({ code: 5, out: '', err: message })
    }
    const named = how === 'options' ? ['--issuer', ISSUER, '--client-id', 'tv'] : []
    expect(await run('token', ...named)).toEqual({ code: 0, out: 'canary-access-2\n', err: '' })
    expect((await run('token')).code).toBe(0)
    await run('unlink')
  }
})
