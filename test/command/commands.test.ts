import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { openStore } from '@latchkey/server'
import { DEVICE_CODE_GRANT, systemHost } from '@latchkey/shared'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { User } from '../../server/src/oauth/records.ts'
import { type Run, type ServerTerminal, serverTerminal } from '../support/server-terminal.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { PASSWORD } from '../support/test-server.ts'

describe('latchkey', () => {
  let folder: string
  let config: string
  let terminal: ServerTerminal
  const SERVE_ON = { host: '127.0.0.1', port: 0 }

  beforeEach(() => {
    folder = temporaryFolder()
    config = join(folder, 'latchkey.json')
    writeFileSync(
      config,
      JSON.stringify({
        issuer: 'http://localhost:8080',
        listen: SERVE_ON,
        database: `sqlite:${join(folder, 'data', 'latchkey.db')}`,
        apis: [{ resource: 'https://library.example.com', scopes: { 'library:read': 'See your library' } }],
        clients: [{ client_id: 'declared', token_endpoint_auth_method: 'none' }],
      }),
    )
    terminal = serverTerminal({ LATCHKEY_CONFIG: config, LATCHKEY_LOG_LEVEL: 'silent' })
  })
  afterEach(() => removeFolder(folder))

  const run = (words: string, input?: string) => terminal.run(words.split(' '), input)
  const expectError = ({ code, out, err }: Run, exit: number, said: RegExp) => {
    expect(out).toEqual([])
    expect(err).toEqual([expect.stringMatching(/^latchkey: \S/)])
    expect(err[0]).toMatch(said)
    expect(code).toBe(exit)
  }
  /** Everything that lies on the disk. */
  const onDisk = () =>
    readdirSync(join(folder, 'data'))
      .map((name) => readFileSync(join(folder, 'data', name), 'latin1'))
      .join()

  describe('user', () => {
    const add = (email: string, options = '', password = PASSWORD) =>
      run(`user add ${email} --password-stdin${options}`, `${password}\n`)

    it('add prints the id and nothing else; the password is kept as a hash', async () => {
      const added = await add('Ana@Example.com', ' --name Ana')
      expect(added.code).toBe(0)
      expect(added.out).toEqual([expect.stringMatching(/^usr_[\w-]{22}$/)])
      expect(added.err).toEqual(['Added ana@example.com'])
      expect(onDisk()).not.toContain(PASSWORD)
      expect(onDisk()).toContain('$argon2id$')
    })

    it('list tells who there is, for people and for scripts', async () => {
      const [id] = (await add('ana@example.com', ' --name Ana')).out
      await add('bo@example.com', ' --admin')
      const { code, out, err } = await run('user list')
      expect([code, err]).toEqual([0, []])
      expect([...out].sort((a, b) => a.length - b.length)).toEqual([
        `${id}\tana@example.com\tAna\tactive\tpassword`,
        expect.stringMatching(/^usr_.{22}\tbo@example\.com\tbo\tactive\tpassword\tadmin$/),
      ])
      const json = (await run('user list --json')).out.map((line) => JSON.parse(line))
      expect(json).toContainEqual({
        ...{ id, email: 'ana@example.com', name: 'Ana', admin: false, state: 'active' },
        ...{ password: true, second_factor: false, passkeys: 0, upstreams: [] },
      })
      expect(JSON.stringify(json)).not.toContain('argon2')
    })

    it('disable, enable and passwd', async () => {
      await add('ana@example.com')
      expect(await run('user disable ANA@example.com')).toEqual({ code: 0, out: [], err: ['Disabled ana@example.com'] })
      expect((await run('user list')).out[0]).toMatch(/\tdisabled\t/)
      expect((await run('user enable ana@example.com')).code).toBe(0)
      expect((await run('user list')).out[0]).toMatch(/\tactive\t/)
      const before = onDisk()
      const changed = await run('user passwd ana@example.com --password-stdin', 'another long sentence\n')
      expect(changed).toEqual({
        code: 0,
        out: [],
        err: ['New password for ana@example.com; signed out everywhere, 0 links ended'],
      })
      expect(onDisk()).not.toBe(before)
    })

    it('a password can be typed where somebody is there, and nowhere else', async () => {
      const typing = serverTerminal({ LATCHKEY_CONFIG: config }, PASSWORD)
      expect((await typing.run(['user', 'add', 'ana@example.com'])).code).toBe(0)
      expectError(await run('user add bo@example.com'), 2, /pipe it in with --password-stdin/)
    })

    it('LOG-02 a password that is too short, too long or missing is refused, exit code 2', async () => {
      for (const password of ['', 'fourteen chars', 'x'.repeat(1025)]) {
        const refused = await run('user add ana@example.com --password-stdin', `${password}\n`)
        expectError(refused, 2, /a password (needs at least 15 characters|may have at most 1024 bytes)$/)
      }
      expectError(await add('ana@example.com', '', 'Password12345678'), 2, /one of the first that anybody would try/)
      expectError(
        await add('ana.lopez@example.com', '', 'Ana.Lopez@Example1'),
        2,
        /names of the account or of the service/,
      )
      await add('ana@example.com')
      expectError(await run('user passwd ana@example.com --password-stdin', 'short\n'), 2, /at least 15/)
    })

    it('LOG-02 reset-second-factor, for a lost phone: not while the password is too short to stand alone', async () => {
      const [id = ''] = (await add('ana@example.com')).out
      const secondFactor = { sealedSecret: 'sealed', lastStep: 0, recoveryDigests: [], addedAt: 0 }
      const put = async (changes: Partial<User>) => {
        const store = await openStore(`sqlite:${join(folder, 'data', 'latchkey.db')}`)
        const user = await store.users.get(id)
        if (user === undefined) throw new Error('no such account')
        await store.users.swap({ ...user, ...changes })
        await store.close()
      }
      expectError(await run('user reset-second-factor ana@example.com'), 1, /has no second factor$/)
      await put({ secondFactor, shortPassword: true })
      expect((await run('user list')).out[0]).toMatch(/\tpassword and code$/)
      expectError(await run('user reset-second-factor ana@example.com'), 1, /too short to stand alone: .*user passwd$/)
      await run('user passwd ana@example.com --password-stdin', 'another long sentence\n')
      expect(await run('user reset-second-factor ANA@example.com')).toEqual({
        code: 0,
        out: [],
        err: ['No code is asked of ana@example.com any more; signed out of all browsers'],
      })
      expect(JSON.parse((await run('user list --json')).out[0] ?? '')).toMatchObject({ second_factor: false })
    })

    it('what cannot be done is told in one line', async () => {
      await add('ana@example.com')
      expectError(await add('ANA@example.com'), 1, /has an account already/)
      expectError(await add('nobody'), 2, /not an e-mail address: nobody/)
      for (const verb of ['disable', 'enable', 'passwd --password-stdin']) {
        expectError(await run(`user ${verb} bo@example.com`, PASSWORD), 1, /no account of bo@example\.com/)
      }
    })
  })

  describe('client', () => {
    it('CLI-05 add prints the secret once, 256 random bits, and keeps its digest', async () => {
      const grants = '--grant client_credentials --scope library:read'
      const { code, out, err } = await run(`client add robot --auth client_secret_basic ${grants}`)
      expect([code, err]).toEqual([0, ['Added client robot', 'Its secret, shown this once:']])
      const [secret = ''] = out
      expect(out).toHaveLength(1)
      expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
      expect(onDisk()).not.toContain(secret)
      for (const words of ['client list', 'client list --json', 'client disable robot']) {
        expect(JSON.stringify(await run(words))).not.toContain(secret)
      }
    })

    it('add without a secret prints nothing', async () => {
      expect(await run('client add tv --auth none --scope openid')).toEqual({
        code: 0,
        out: [],
        err: ['Added client tv'],
      })
    })

    it('DEV-23 add keeps what is asked of people elsewhere', async () => {
      expect((await run('client add tv --auth none --elsewhere match --elsewhere-fallback block')).code).toBe(0)
      expect(onDisk()).toMatch(/"elsewhere":"match","elsewhereFallback":"block"/)
    })

    it('CLI-05 rotate-secret prints another one, and the old one is gone', async () => {
      const [first] = (await run('client add robot --auth client_secret_post')).out
      const before = onDisk()
      const { code, out } = await run('client rotate-secret robot')
      expect([code, out.length]).toEqual([0, 1])
      expect(out[0]).not.toBe(first)
      expect(onDisk()).not.toBe(before)
    })

    it('list tells what is declared and what is stored', async () => {
      await run('client add tv --auth none --name TV --scope library:read')
      await run('client disable tv')
      expect((await run('client list')).out).toEqual([
        'declared\tdeclared\tnone\tactive\tconfiguration',
        'tv\tTV\tnone\tdisabled\tdatabase',
      ])
      expect(JSON.parse((await run('client list --json')).out[1] ?? '')).toMatchObject({
        client_id: 'tv',
        client_name: 'TV',
        token_endpoint_auth_method: 'none',
        grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
        scope: 'library:read',
        state: 'disabled',
      })
    })

    it('what cannot be done is told in one line', async () => {
      await run('client add tv --auth none')
      expectError(await run('client add tv --auth none'), 1, /tv exists already/)
      expectError(await run('client disable nobody'), 1, /no client nobody/)
      expectError(await run('client rotate-secret tv'), 1, /tv has no secret/)
      for (const words of ['add declared --auth none', 'disable declared', 'rotate-secret declared']) {
        expectError(await run(`client ${words}`), 1, /declared in the configuration file; change it there/)
      }
    })

    it('JWT-05 TOK-11 what makes no sense is wrong usage', async () => {
      expectError(await run('client add usr_x --auth none'), 2, /usr_/)
      expectError(await run('client add robot --auth none --grant client_credentials'), 2, /prove who it is/)
      expectError(await run('client add robot --auth magic'), 2, /--auth takes one of none, client_secret_basic/)
      expectError(await run('client add tv --auth none --elsewhere type'), 2, /takes one of allow, warn, match, block/)
      expectError(await run('client add tv --auth none --elsewhere-fallback no'), 2, /takes one of letters, block/)
      expectError(await run('client add robot --auth none --grant password'), 2, /--grant takes device_code/)
      expectError(await run('client add robot --auth none --grant constructor'), 2, /--grant takes device_code/)
      expectError(await run('client add robot --auth none --scope library:burn'), 2, /"library:burn"/)
      expectError(await terminal.run(['client', 'add', 'two words', '--auth', 'none']), 2, /not a client id/)
      expect((await run('client list')).out).toHaveLength(1)
    })
  })

  describe('words and configuration', () => {
    it.each([
      ['an unknown command', 'frobnicate', /unknown command 'frobnicate'/],
      ['an unknown option', 'serve --frobnicate', /unknown option '--frobnicate'/],
      ['a missing argument', 'user add', /missing required argument 'email'/],
      ['too many arguments', 'user list twice', /too many arguments/],
      ['an option without its value', 'client add x --auth', /argument missing/],
    ])('%s is wrong usage: exit code 2', async (_name, words, said) => {
      const { code, out, err } = await run(words)
      expect([code, out]).toEqual([2, []])
      expect(err[0]).toMatch(/^latchkey: /)
      expect(err[0]).toMatch(said)
    })

    it('help is data, and tells every command', async () => {
      for (const words of ['--help', 'help', 'user --help', 'client add --help']) {
        const { code, out, err } = await run(words)
        expect([words, code, err]).toEqual([words, 0, []])
        expect(out[0]).toMatch(/^Usage: latchkey /)
      }
      const text = (await run('--help')).out.join('\n')
      for (const command of ['serve', 'demo', 'user', 'client']) expect(text).toMatch(new RegExp(`^ +${command} `, 'm'))
    })

    it('a mistaken configuration: each problem on a line, exit code 2, nothing made', async () => {
      writeFileSync(config, JSON.stringify({ isuer: 'x', listen: { port: 70_000 } }))
      for (const words of ['serve', 'user list', 'client list']) {
        expect(await run(words)).toEqual({
          code: 2,
          out: [],
          err: ['latchkey: isuer: unknown setting', 'latchkey: listen.port: must be a whole number from 0 to 65535'],
        })
      }
      expect(existsSync(join(folder, 'data'))).toBe(false)
      expectError(await run(`user list --config ${join(folder, 'nope.json')}`), 2, /nope\.json: no such file/)
    })

    it('a database that is none is told in one line', async () => {
      const path = join(folder, 'no.db')
      writeFileSync(path, 'this is no database, however long you look at it. '.repeat(20))
      const other = serverTerminal({ LATCHKEY_CONFIG: config, LATCHKEY_DATABASE: `sqlite:${path}` })
      expectError(await other.run(['user', 'list']), 1, /not a database/)
    })
  })

  describe('serve', () => {
    it('tells where it serves and what to do first, answers, and stops when asked', async () => {
      const running = await terminal.start(['serve'], /listening on/)
      const [, origin] =
        /serves http:\/\/localhost:8080, listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(running.said) ?? []
      expect(await (await fetch(`${origin}/healthz`)).json()).toEqual({ status: 'ok' })
      const { code, out, err } = await running.stop()
      expect([code, out]).toEqual([0, []])
      expect(err).toContain('No account yet: npx latchkey user add you@example.com')
      await expect(fetch(`${origin}/healthz`)).rejects.toThrow()
    })

    it('says nothing of a first account once there is one', async () => {
      await run('user add ana@example.com --password-stdin', PASSWORD)
      const { err } = await (await terminal.start(['serve'], /listening on/)).stop()
      expect(err.join()).not.toContain('No account yet')
    })

    it('WEB-10 a public server that tells nobody of new devices says so, and no other does', async () => {
      const listen = JSON.stringify({ ...SERVE_ON, trusted_proxies: ['127.0.0.1'] })
      const isPublic = {
        LATCHKEY_ISSUER: 'https://id.example.com',
        LATCHKEY_LISTEN: listen,
        LATCHKEY_LOG_LEVEL: 'silent',
      }
      const notices = JSON.stringify({ smtp: { url: { env: 'SMTP' }, from: 'no-reply@example.com' } })
      const said = async (environment: Record<string, string>) => {
        const server = serverTerminal({ LATCHKEY_CONFIG: config, ...environment })
        return (await (await server.start(['serve'], /listening on/)).stop()).err.join()
      }
      expect(await said(isPublic)).toContain('Nobody hears of a new device')
      expect(await said({ LATCHKEY_LOG_LEVEL: 'silent' })).not.toContain('Nobody hears')
      const told = { ...isPublic, LATCHKEY_NOTICES: notices, SMTP: 'smtp://127.0.0.1:1' }
      expect(await said(told)).not.toContain('Nobody hears')
    })

    it('KEY-04 makes its secret once, for nobody else to read, and refuses one that is open to others', async () => {
      await (await terminal.start(['serve'], /listening on/)).stop()
      const file = join(folder, 'data', 'master-secret')
      const secret = readFileSync(file, 'utf8')
      expect(Buffer.from(secret.trim(), 'base64url')).toHaveLength(32)
      expect(statSync(file).mode & 0o077).toBe(0)
      expect(statSync(join(folder, 'data')).mode & 0o077).toBe(0)
      await (await terminal.start(['serve'], /listening on/)).stop()
      expect(readFileSync(file, 'utf8')).toBe(secret)
      writeFileSync(file, Buffer.from(systemHost.entropy(32)).toString('base64url'))
      expectError(await run('serve'), 1, /does not open with this master secret/)
      rmSync(file)
      writeFileSync(file, secret, { mode: 0o644 })
      expectError(await run('serve'), 1, /is open to others: chmod 600/)
    })

    it('a port that is taken, an address that is not ours: told with the way out', async () => {
      const squatter = createServer()
      await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
      const address = squatter.address()
      const port = typeof address === 'object' ? String(address?.port) : ''
      const taken = serverTerminal({
        LATCHKEY_CONFIG: config,
        LATCHKEY_LISTEN__PORT: port,
        LATCHKEY_LOG_LEVEL: 'silent',
      })
      expectError(await taken.run(['serve']), 1, /port \d+ is taken: set listen\.port, or LATCHKEY_LISTEN__PORT/)
      squatter.close()
      const away = serverTerminal({
        LATCHKEY_CONFIG: config,
        LATCHKEY_LISTEN__HOST: '192.0.2.1',
        LATCHKEY_LOG_LEVEL: 'silent',
      })
      expectError(await away.run(['serve']), 1, /192\.0\.2\.1 is no address of this machine/)
    })
  })
})
