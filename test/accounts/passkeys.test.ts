// Passkeys against the whole server, by an authenticator in software that also does what no browser would.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addUser } from '../../server/src/accounts/users.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { csrfIn, withoutTokens } from '../support/page-text.ts'
import { addPasskey, questionIn, signInWith } from '../support/passkey-pages.ts'
import { type SoftwarePasskey, softwarePasskey, type Twist } from '../support/software-passkey.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const SESSION = 'latchkey-session'

let server: TestServer
let log: KeptLog
let passkey: SoftwarePasskey
let owner: TestBrowser

beforeEach(async () => {
  log = keptLog()
  server = await testServer({ logger: log.logger })
  passkey = softwarePasskey()
  owner = server.browser({ 'user-agent': 'Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0' })
  await owner.signIn()
})
afterEach(() => server.close())

async function amrOf(browser: TestBrowser): Promise<readonly string[] | undefined> {
  return (await server.store.sessions.byCookie(digestOf(browser.cookies.get(SESSION) ?? '')))?.amr
}

describe('signing in with a passkey', () => {
  it('LOG-05 UX-05 nobody types who they are; the errand goes on; a new session says what was done', async () => {
    expect((await addPasskey(owner, passkey)).statusCode).toBe(303)
    const { user_code } = await server.start()
    const phone = server.browser()
    await phone.open(`/link?user_code=${user_code}`)
    const answer = await signInWith(phone, passkey)
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/link/device'])
    expect(await amrOf(phone)).toEqual(['pop', 'hwk', 'user', 'mfa'])
    expect((await phone.open('/link/device')).body).toContain('name="answer"')
    expect(log.events()).toContainEqual(expect.objectContaining({ event: 'signed_in', userId: server.user.id }))
    expect((await server.store.passkeys.get(passkey.id))?.usedAt).toBe(server.host.clock.now())
  })

  it.each([
    ['a device-bound key that checked who holds it', {}, ['pop', 'hwk', 'user', 'mfa']],
    ['one that only felt a touch', { verified: false }, ['pop', 'hwk', 'user']],
    ['a synced one', { synced: true }, ['pop', 'swk', 'user', 'mfa']],
    ['a synced one that only felt a touch', { synced: true, verified: false }, ['pop', 'swk', 'user']],
  ] as const)('LOG-05 OI-06 amr tells %s', async (_name, twist, amr) => {
    const mine = softwarePasskey(twist)
    await addPasskey(owner, mine)
    const phone = server.browser()
    expect((await signInWith(phone, mine)).statusCode).toBe(303)
    expect(await amrOf(phone)).toEqual(amr)
  })

  it('LOG-05 the question: of this host, open to any passkey of it, with 16 random bytes that never come again', async () => {
    const questions = []
    for (let visit = 0; visit < 3; visit++) questions.push(questionIn((await server.browser().open('/sign-in')).body))
    for (const question of questions) {
      expect(question).toMatchObject({ rpId: 'localhost', userVerification: 'preferred' })
      expect(question).not.toHaveProperty('allowCredentials')
      const [random = ''] = Buffer.from(question.challenge, 'base64url').toString().split('.')
      expect(Buffer.from(random, 'base64url').length).toBeGreaterThanOrEqual(16)
    }
    expect(new Set(questions.map(({ challenge }) => challenge)).size).toBe(3)
  })

  it.each([
    ['another origin', { origin: 'https://evil.example' }, /response origin "https:\/\/evil\.example"/],
    ['another port of this host', { origin: 'http://localhost:9999' }, /response origin "http:\/\/localhost:9999"/],
    ['another relying party', { rpId: 'evil.example' }, /Unexpected RP ID hash/],
    ['the ceremony that makes one', { type: 'webauthn.create' }, /response type: webauthn\.create/],
    ['a frame of another site', { crossOrigin: true }, /a frame of another site/],
    ['nobody there', { present: false }, /User not present/],
    ['a signature by another key', { stranger: true }, /a wrong signature/],
    ['a signature over something else', { spoilt: true }, /a wrong signature/],
    [
      'a challenge that was never given',
      { challenge: Buffer.alloc(32, 7).toString('base64url') },
      /a challenge of somebody else/,
    ],
    [
      'the account of somebody else',
      { userHandle: Buffer.from('usr_somebody').toString('base64url') },
      /a passkey of another account/,
    ],
    ['no account at all', { userHandle: undefined }, /a passkey of another account/],
    ['a passkey that nobody knows', { credentialId: Buffer.alloc(32, 9).toString('base64url') }, /an unknown passkey/],
    ['another kind of passkey than it was', { synced: true }, /another kind of passkey/],
  ] as const satisfies readonly (readonly [string, Twist, RegExp])[])(
    'LOG-05 refused: %s',
    async (_name, twist, why) => {
      await addPasskey(owner, passkey)
      const phone = server.browser()
      const refused = await signInWith(phone, passkey, twist)
      expect(refused.statusCode).toBe(403)
      expect(refused.body).toContain('This passkey does not work here.')
      expect(phone.cookies.has(SESSION)).toBe(false)
      // For this very reason; the person is not told which.
      expect(log.events().find(({ msg }) => msg === 'a passkey was refused')?.['reason']).toMatch(why)
      // The very same without the twist is fine.
      expect((await signInWith(phone, passkey)).statusCode).toBe(303)
    },
  )

  it.each([
    '',
    '{}',
    'null',
    '[]',
    '"text"',
    '{"id":"x","response":null}',
    '{"id":1,"response":{}}',
    '{"id":"x","response":{}}',
  ])('LOG-05 NEG-15 what is no answer at all (%s) is refused like a wrong one', async (credential) => {
    const phone = server.browser()
    await phone.open('/sign-in')
    expect((await phone.submit('/sign-in/passkey', { credential })).statusCode).toBe(403)
  })

  it('LOG-05 an answer is good once', async () => {
    await addPasskey(owner, passkey)
    const phone = server.browser()
    const credential = passkey.answer(questionIn((await phone.open('/sign-in')).body))
    const visit = phone.cookies.get('latchkey-visit') ?? ''
    expect((await phone.submit('/sign-in/passkey', { credential })).statusCode).toBe(303)
    // Whoever copied the form and the visit with it.
    const thief = server.browser()
    thief.cookies.set('latchkey-visit', visit)
    await thief.open('/sign-in')
    expect((await thief.submit('/sign-in/passkey', { credential })).statusCode).toBe(403)
    expect(thief.cookies.has(SESSION)).toBe(false)
  })

  it('LOG-05 of ten copies of one answer that come at once, one signs in', async () => {
    await addPasskey(owner, passkey)
    const phone = server.browser()
    const page = await phone.open('/sign-in')
    const csrf = csrfIn(page.body)
    const credential = passkey.answer(questionIn(page.body))
    const cookie = `latchkey-visit=${phone.cookies.get('latchkey-visit')}`
    const send = () => server.post('/sign-in/passkey', { csrf, credential }, { cookie })
    const answers = await Promise.all(Array.from({ length: 10 }, send))
    expect(answers.filter(({ statusCode }) => statusCode === 303)).toHaveLength(1)
  })

  it('LOG-05 an answer is good for five minutes, and who is late is told so, with a new question', async () => {
    await addPasskey(owner, passkey)
    const phone = server.browser()
    const question = questionIn((await phone.open('/sign-in')).body)
    await server.host.advance(5 * MINUTE)
    const late = await phone.submit('/sign-in/passkey', { credential: passkey.answer(question) })
    expect(late.statusCode).toBe(403)
    expect(late.body).toContain('That took too long. Try the passkey again.')
    const again = await phone.submit('/sign-in/passkey', { credential: passkey.answer(questionIn(late.body)) })
    expect(again.statusCode).toBe(303)
  })

  it('LOG-05 a page that stays open fetches another question, with a form token that goes with it', async () => {
    await addPasskey(owner, passkey)
    const { user_code } = await server.start()
    const phone = server.browser()
    await phone.open(`/link?user_code=${user_code}`)
    await server.host.advance(4 * MINUTE)
    const fresh = await phone.get('/sign-in/passkey')
    expect(fresh.headers['cache-control']).toBe('no-store')
    expect(fresh.headers['content-type']).toContain('application/json')
    await server.host.advance(4 * MINUTE)
    const { options, csrf } = fresh.json()
    const answer = await phone.submit('/sign-in/passkey', { csrf, credential: passkey.answer(options) })
    expect(answer.headers.location).toBe('/link/device')
    // The visit itself has run out, and the page is still there.
    const late = server.browser()
    await late.open('/sign-in')
    await server.host.advance(31 * MINUTE)
    const newer = (await late.get('/sign-in/passkey')).json()
    const signedIn = await late.submit('/sign-in/passkey', {
      csrf: newer.csrf,
      credential: passkey.answer(newer.options),
    })
    expect(signedIn.statusCode).toBe(303)
  })

  it('LOG-05 an answer is good in one browser, and for what it was asked', async () => {
    await addPasskey(owner, passkey)
    const [one, other] = [server.browser(), server.browser()]
    const question = questionIn((await one.open('/sign-in')).body)
    await other.open('/sign-in')
    const stolen = await other.submit('/sign-in/passkey', { credential: passkey.answer(question) })
    expect(stolen.statusCode).toBe(403)
    // The same session, and another question.
    const adding = questionIn((await owner.open('/account/passkeys')).body)
    await owner.submit('/sign-in/again', {})
    await owner.open('/sign-in')
    const crossed = await owner.submit('/sign-in/passkey', { credential: passkey.answer(adding) })
    expect(crossed.statusCode).toBe(403)
    expect(log.events().find(({ msg }) => msg === 'a passkey was refused')?.['reason']).toMatch(/somebody else/)
  })

  it('LOG-05 a key that counts must count up: one that does not is refused and noted', async () => {
    const counting = softwarePasskey({ counts: true })
    await addPasskey(owner, counting)
    expect((await signInWith(server.browser(), counting)).statusCode).toBe(303)
    expect((await signInWith(server.browser(), counting)).statusCode).toBe(303)
    for (const counter of [3, 1, 0]) {
      expect((await signInWith(server.browser(), counting, { counter })).statusCode).toBe(403)
    }
    expect(log.events('passkey_counter_back')).toHaveLength(3)
    expect((await server.store.passkeys.get(counting.id))?.counter).toBe(3)
    expect((await signInWith(server.browser(), counting, { counter: 4 })).statusCode).toBe(303)
  })

  it('LOG-03 LOG-05 removed, closed, unknown: one page for all', async () => {
    await addPasskey(owner, passkey)
    const unknown = await signInWith(server.browser(), softwarePasskey())
    await server.store.users.swap({ ...((await server.store.users.get(server.user.id)) ?? server.user), disabledAt: 1 })
    const closed = await signInWith(server.browser(), passkey)
    await server.store.passkeys.delete(passkey.id)
    const removed = await signInWith(server.browser(), passkey)
    for (const page of [unknown, closed, removed]) {
      expect([page.statusCode, withoutTokens(page.body)]).toEqual([403, withoutTokens(unknown.body)])
    }
  })

  it('LOG-04 no number of wrong passwords stands in the way of a passkey', async () => {
    await addPasskey(owner, passkey)
    for (let tries = 0; tries < 10; tries++) await server.browser().signIn(EMAIL, 'a wrong password')
    expect((await server.browser().signIn()).statusCode).toBe(429)
    expect((await signInWith(server.browser(), passkey)).statusCode).toBe(303)
  })

  it('LOG-05 where the address is a bare number browsers know no passkeys: none is offered, none is taken', async () => {
    const bare = await testServer({ config: testConfig({ issuer: 'http://127.0.0.1:8080' }) })
    const browser = bare.browser()
    expect((await browser.open('/sign-in')).body).not.toContain('passkey')
    expect((await browser.get('/sign-in/passkey')).statusCode).toBe(404)
    await browser.signIn()
    const page = await browser.open('/account/passkeys')
    expect(page.body).toContain('This browser does not offer passkeys here')
    expect(page.body).not.toContain('data-options')
    await bare.close()
  })
})

describe('showing once more who it is', () => {
  it('WEB-08 LOG-05 the page asks for the passkeys of this account, and takes no other', async () => {
    await addPasskey(owner, passkey)
    const others = softwarePasskey()
    const ben = await addUser(server.store, server.host, { email: 'ben@example.com', password: PASSWORD })
    const bens = server.browser()
    await bens.signIn('ben@example.com')
    await addPasskey(bens, others)

    await server.host.advance(11 * MINUTE)
    await owner.submit('/account/passkeys', {})
    const page = await owner.open('/sign-in')
    expect(page.body).toContain('Confirm that it’s you')
    expect(page.body).toContain(`value="${EMAIL}" readonly`)
    const question = questionIn(page.body)
    expect(question.allowCredentials?.map(({ id }) => id)).toEqual([passkey.id])
    expect((await owner.submit('/sign-in/passkey', { credential: others.answer(question) })).statusCode).toBe(403)
    // Asked for by name, an authenticator need not say whose it is.
    const answer = await owner.submit('/sign-in/passkey', {
      credential: passkey.answer(question, { userHandle: undefined }),
    })
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/account/passkeys'])
    expect(ben?.id).not.toBe(server.user.id)
  })

  it('WEB-08 OI-06 a device that asks for a strong sign-in gets one by a passkey, and the token says so', async () => {
    const acr = { pwd: ['pwd'], phr: ['pop', 'user'] }
    const strict = await testServer({ config: testConfig({ acr }) })
    const phone = strict.browser()
    await phone.signIn()
    await addPasskey(phone, passkey)
    await strict.host.advance(MINUTE)
    const started = await strict.start({ scope: 'openid', acr_values: 'phr' })
    const asked = await phone.open(`/link?user_code=${started.user_code}`)
    expect(asked.body).toContain('Confirm that it’s you')
    await phone.submit('/sign-in/passkey', { credential: passkey.answer(questionIn(asked.body)) })
    await phone.open('/link/device')
    await phone.submit('/link/device', { answer: 'approve' })
    const { id_token } = (await strict.poll(started.device_code)).json()
    const claims = JSON.parse(Buffer.from(String(id_token).split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({ acr: 'phr', amr: ['pop', 'hwk', 'user', 'mfa'] })
    await strict.close()
  })
})

describe('a passkey, where a password was not enough or was typed', () => {
  it('OI-06 WEB-08 a password of just now is too weak: the passkey is asked for, and then more, and that is taken', async () => {
    const acr = { pwd: ['pwd'], phr: ['pop', 'mfa'] }
    const strict = await testServer({ config: testConfig({ acr }) })
    const phone = strict.browser()
    await phone.signIn()
    await addPasskey(phone, passkey)
    await phone.submit('/sign-out', {})
    const started = await strict.start({ acr_values: 'phr' })
    await phone.open(`/link?user_code=${started.user_code}`)
    await phone.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect((await phone.get('/link/device')).headers.location).toBe('/sign-in')
    const stronger = await phone.open('/sign-in')
    expect(stronger.body).not.toContain('name="password"')
    // A touch, and nobody checked whose.
    const touch = passkey.answer(questionIn(stronger.body), { verified: false })
    expect((await phone.submit('/sign-in/passkey', { credential: touch })).headers.location).toBe('/link/device')
    const weak = await phone.open('/link/device')
    expect([weak.statusCode, weak.body.includes('A passkey may do')]).toEqual([403, true])
    expect((await phone.submit('/sign-in/again', { csrf: 'x' })).statusCode).toBe(403)
    expect((await phone.submit('/sign-in/again', {})).headers.location).toBe('/sign-in')
    const asked = await phone.open('/sign-in')
    const answer = await phone.submit('/sign-in/passkey', { credential: passkey.answer(questionIn(asked.body)) })
    expect(answer.headers.location).toBe('/link/device')
    expect((await phone.open('/link/device')).body).toContain('name="answer"')
    await strict.close()
  })

  it('UX-05 after a yes, whoever typed a password is offered a passkey, once they could have one and have none', async () => {
    const offer = 'Next time, sign in with a passkey'
    const afterYes = async (browser: TestBrowser) => {
      const { user_code } = await server.start()
      await browser.open(`/link?user_code=${user_code}`)
      await browser.submit('/link/device', { answer: 'approve' })
      return (await browser.open('/link/device')).body
    }
    expect(await afterYes(owner)).toContain(offer)
    await addPasskey(owner, passkey)
    expect(await afterYes(owner)).not.toContain(offer)
    const { user_code } = await server.start()
    await owner.open(`/link?user_code=${user_code}`)
    await owner.submit('/link/device', { answer: 'deny' })
    expect((await owner.open('/link/device')).body).not.toContain(offer)
  })
})

describe('the passkeys of an account', () => {
  it('LOG-05 UX-05 adding one: discoverable, known by account and not by name, none that is there already', async () => {
    const page = await owner.open('/account/passkeys')
    expect(questionIn(page.body)).toMatchObject({
      rp: { id: 'localhost', name: 'Northwind TV' },
      user: { id: Buffer.from(server.user.id).toString('base64url'), name: EMAIL, displayName: 'Ana' },
      attestation: 'none',
      excludeCredentials: [],
      authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
    })
    const added = await owner.submit('/account/passkeys/add', { credential: passkey.create(questionIn(page.body)) })
    expect(added.headers.location).toBe(`/account/passkeys/${passkey.id}`)
    const shown = await owner.open(`/account/passkeys/${passkey.id}`)
    expect(shown.body).toContain('Your passkey is ready.')
    expect(shown.body).toContain('Firefox on Android')
    // Said once.
    expect((await owner.open(`/account/passkeys/${passkey.id}`)).body).not.toContain('Your passkey is ready.')
    const next = questionIn((await owner.open('/account/passkeys')).body)
    expect(next).toMatchObject({ excludeCredentials: [{ id: passkey.id }] })
    expect(log.events()).toContainEqual(expect.objectContaining({ event: 'passkey_added', userId: server.user.id }))
  })

  it.each([
    ['another origin', { origin: 'https://evil.example' }],
    ['another relying party', { rpId: 'evil.example' }],
    ['the ceremony that signs in', { type: 'webauthn.get' }],
    ['nobody there', { present: false }],
    ['a challenge that was never given', { challenge: Buffer.alloc(32, 7).toString('base64url') }],
    ['a frame of another site', { crossOrigin: true }],
  ] as const satisfies readonly (readonly [string, Twist])[])('LOG-05 none is added: %s', async (_name, twist) => {
    const refused = await addPasskey(owner, passkey, twist)
    expect([refused.statusCode, refused.body.includes('No passkey was made.')]).toEqual([400, true])
    expect(await server.store.passkeys.byUser(server.user.id)).toEqual([])
  })

  it('LOG-05 the question to make one is good once, for five minutes, in one session', async () => {
    const question = questionIn((await owner.open('/account/passkeys')).body)
    expect((await owner.submit('/account/passkeys/add', { credential: passkey.create(question) })).statusCode).toBe(303)
    const second = softwarePasskey().create(question)
    expect((await owner.submit('/account/passkeys/add', { credential: second })).statusCode).toBe(400)

    const elsewhere = server.browser()
    await elsewhere.signIn()
    const planted = softwarePasskey().create(questionIn((await elsewhere.open('/account/passkeys')).body))
    await owner.open('/account/passkeys')
    expect((await owner.submit('/account/passkeys/add', { credential: planted })).statusCode).toBe(400)

    const late = questionIn((await owner.open('/account/passkeys')).body)
    await server.host.advance(5 * MINUTE)
    const answer = await owner.submit('/account/passkeys/add', { credential: softwarePasskey().create(late) })
    expect(answer.body).toContain('That took too long, so no passkey was added.')
    expect(await server.store.passkeys.byUser(server.user.id)).toHaveLength(1)
  })

  it('LOG-05 a passkey that somebody has stays theirs', async () => {
    await addPasskey(owner, passkey)
    await addUser(server.store, server.host, { email: 'ben@example.com', password: PASSWORD })
    const ben = server.browser()
    await ben.signIn('ben@example.com')
    const refused = await addPasskey(ben, softwarePasskey(), { credentialId: passkey.id })
    expect(refused.statusCode).toBe(400)
    expect((await server.store.passkeys.get(passkey.id))?.userId).toBe(server.user.id)
    // Nor can anybody look at it, name it or remove it.
    expect((await ben.get(`/account/passkeys/${passkey.id}`)).headers.location).toBe('/account/passkeys')
    await ben.submit(`/account/passkeys/${passkey.id}`, { name: 'mine' })
    await ben.submit(`/account/passkeys/${passkey.id}/remove`, {})
    expect((await server.store.passkeys.get(passkey.id))?.name).toBe('Firefox on Android')
  })

  it('WEB-08 looking is free; adding, naming and removing need a sign-in of just now', async () => {
    await addPasskey(owner, passkey)
    await server.host.advance(11 * MINUTE)
    const page = await owner.open('/account/passkeys')
    expect(page.body).toContain('Firefox on Android')
    expect(page.body).not.toContain('data-options')
    for (const path of ['', `/${passkey.id}`, `/${passkey.id}/remove`]) {
      await owner.open('/account/passkeys')
      const answer = await owner.submit(`/account/passkeys${path}`, { name: 'x' })
      expect([path, answer.headers.location]).toEqual([path, '/sign-in'])
    }
    expect((await server.store.passkeys.get(passkey.id))?.name).toBe('Firefox on Android')
    expect((await server.browser().get('/account/passkeys')).headers.location).toBe('/sign-in')
  })

  it('UX-05 a name is kept as it was typed, cut where it is too long, and shown as text', async () => {
    await addPasskey(owner, passkey)
    const path = `/account/passkeys/${passkey.id}`
    await owner.open(path)
    await owner.submit(path, { name: '  <b>Blue</b> key 🔑 ' })
    expect((await server.store.passkeys.get(passkey.id))?.name).toBe('<b>Blue</b> key 🔑')
    const shown = await owner.open(path)
    expect(shown.body).toContain('&lt;b>Blue')
    expect(shown.body).toContain('The new name is saved.')
    await owner.submit(path, { name: 'x'.repeat(500) })
    expect((await server.store.passkeys.get(passkey.id))?.name).toBe('x'.repeat(64))
  })

  it('LOG-05 a removed passkey signs nobody in; the browser is told which are left', async () => {
    const second = softwarePasskey()
    await addPasskey(owner, passkey)
    await addPasskey(owner, second)
    await owner.open(`/account/passkeys/${passkey.id}`)
    const gone = await owner.submit(`/account/passkeys/${passkey.id}/remove`, {})
    expect(gone.headers.location).toBe('/account/passkeys')
    const page = await owner.open('/account/passkeys')
    expect(page.body).toContain('The passkey is removed.')
    const kept = /data-kept="([^"]+)"/.exec(page.body)?.[1]?.replaceAll('&quot;', '"') ?? '{}'
    expect(JSON.parse(kept)).toEqual({
      rpID: 'localhost',
      userID: Buffer.from(server.user.id).toString('base64url'),
      allAcceptedCredentialIDs: [second.id],
    })
    expect((await signInWith(server.browser(), passkey)).statusCode).toBe(403)
    expect((await signInWith(server.browser(), second)).statusCode).toBe(303)
    expect(log.events()).toContainEqual(expect.objectContaining({ event: 'passkey_removed', userId: server.user.id }))
  })

  it('LOG-05 the last way to sign in stays, from two windows at once too', async () => {
    const second = softwarePasskey()
    await addPasskey(owner, passkey)
    await addPasskey(owner, second)
    const { passwordHash: _, ...user } = (await server.store.users.get(server.user.id)) ?? server.user
    await server.store.users.swap(user)
    // Under another password, or none, nobody goes on.
    await signInWith(owner, second)
    const remove = ({ id }: SoftwarePasskey) => owner.submit(`/account/passkeys/${id}/remove`, {})
    await owner.open('/account/passkeys')
    await Promise.all([remove(passkey), remove(second)])
    expect((await server.store.passkeys.byUser(server.user.id)).length).toBeGreaterThan(0)
    for (const { id } of await server.store.passkeys.byUser(server.user.id)) await remove({ ...passkey, id })
    const [left, ...more] = await server.store.passkeys.byUser(server.user.id)
    expect(more).toEqual([])
    const page = await owner.open(`/account/passkeys/${left?.id}`)
    expect(page.body).toContain('Nothing else signs you in, so it cannot be removed.')
    expect(page.body).not.toContain('Remove this passkey')
  })

  it('LOG-05 twenty are enough', async () => {
    for (let index = 0; index < 20; index++) {
      await server.store.passkeys.insert({
        id: `passkey-${index}`,
        version: 0,
        expiresAt: Number.MAX_SAFE_INTEGER,
        userId: server.user.id,
        publicKey: '',
        counter: 0,
        transports: [],
        synced: false,
        name: 'x',
        createdAt: 0,
      })
    }
    const page = await owner.open('/account/passkeys')
    expect(page.body).toContain('as many passkeys as there can be')
    expect(page.body).not.toContain('data-options')
  })

  it('SES-02 a form of another page adds, names and removes nothing', async () => {
    await addPasskey(owner, passkey)
    for (const path of ['', '/add', `/${passkey.id}`, `/${passkey.id}/remove`]) {
      const refused = await owner.submit(`/account/passkeys${path}`, { csrf: 'x', name: 'x', credential: '{}' })
      expect([path, refused.statusCode]).toEqual([path, 403])
    }
    expect((await server.store.passkeys.get(passkey.id))?.name).toBe('Firefox on Android')
  })
})
