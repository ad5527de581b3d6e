import type { Browser, BrowserContext, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import {
  inState,
  type ListeningServer,
  listeningServer,
  NAMED_SITE,
  partText,
  putLink,
  shownCode,
  type TvSite,
  tvSite,
} from '../support/tv-page.ts'

let browser: Browser
let server: ListeningServer
let site: TvSite
let context: BrowserContext
let page: Page
let asked: Request[]

beforeAll(async () => {
  ;[browser, server, site] = await Promise.all([launchBrowser([NAMED_SITE]), listeningServer(), tvSite()])
})
afterAll(async () => {
  await browser.close()
  await Promise.all([server.close(), site.close()])
})
beforeEach(async () => {
  context = await browser.newContext()
  asked = []
  context.on('request', (request) => asked.push(request))
  page = await context.newPage()
  await page.goto(site.origin)
})
afterEach(() => context.close())

const times = (path: string, sent: Record<string, string> = {}) =>
  asked.filter((request) => {
    if (request.method() === 'OPTIONS' || request.url() !== server.issuer + path) return false
    const form = new URLSearchParams(request.postData() ?? '')
    return Object.entries(sent).every(([name, value]) => form.get(name) === value)
  }).length
const events = (on = page) => on.evaluate<readonly Record<string, unknown>[]>('events')
const insides = () => page.evaluate<string>('link.shadowRoot.innerHTML')

async function linkWith(attributes: Record<string, string> = {}, on = page): Promise<void> {
  await putLink(on, { issuer: server.issuer, autostart: '', ...attributes })
  await inState(on, 'waiting')
  await server.decide(await shownCode(on), 'approve')
  await inState(on, 'linked')
}

/** A refresh, whatever the token's age. */
const REFRESH = `(async () => {
  const { token } = await link.agent.accessToken()
  return [token, (await link.agent.accessToken({ rejected: token })).token]
})()`

describe('a page links itself', () => {
  it('AGT-01 AGT-08 DP-02 by a key of its own, and learns who allowed it', async () => {
    await linkWith()
    expect(await partText(page, 'title')).toBe('Welcome, Ana')
    const told = await events()
    expect(told.filter(({ type }) => type === 'latchkey-state').map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['asking', 'waiting', 'linked']),
    )
    const protection = { bound: true, keeping: 'keeps' }
    expect(told).toContainEqual(expect.objectContaining({ type: 'latchkey-linked', restored: false, protection }))
    const { tokenType } = await page.evaluate<{ tokenType: string }>('link.agent.accessToken()')
    expect(tokenType).toBe('DPoP')
  })

  it('AGT-03 shows code and address, and never what is secret', async () => {
    await putLink(
      page,
      { issuer: server.issuer, autostart: '' },
      `link.fetch = async (url, init) => {
        const answer = await fetch(url, init)
        if (url.endsWith('/device_authorization') && answer.ok) globalThis.started = await answer.clone().json()
        return answer
      }`,
    )
    await inState(page, 'waiting')
    const started = await page.evaluate<{ device_code: string; user_code: string }>('started')
    const { device_code: deviceCode, user_code: userCode } = started
    expect(await shownCode(page)).toBe(userCode)
    expect(await partText(page, 'address')).toBe(`${server.issuer}/link`)
    expect(await insides()).not.toContain(deviceCode)
    expect(JSON.stringify(await page.evaluate('link.state'))).not.toContain(deviceCode)
  })

  it('DP-03 keeps a key that no script can take out', async () => {
    await linkWith()
    const found = await page.evaluate(`(async () => {
      const { privateKey, publicKey } = await new Promise((resolve) => {
        indexedDB.open('latchkey').onsuccess = ({ target }) =>
          (target.result.transaction('values').objectStore('values').get('key').onsuccess = ({ target }) => resolve(target.result))
      })
      const exported = await Promise.all(['jwk', 'pkcs8'].map((format) =>
        crypto.subtle.exportKey(format, privateKey).then(() => 'exported', ({ name }) => name)))
      return { type: privateKey.type, extractable: privateKey.extractable, curve: publicKey.algorithm.namedCurve, exported }
    })()`)
    const exported = ['InvalidAccessError', 'InvalidAccessError']
    expect(found).toEqual({ type: 'private', extractable: false, curve: 'P-256', exported })
  })

  it('STO-03 is still linked after a reload, and refreshes with the same key', async () => {
    await linkWith()
    await page.reload()
    await putLink(page, { issuer: server.issuer, autostart: '' })
    await inState(page, 'linked')
    expect(await partText(page, 'title')).toBe('Welcome, Ana')
    expect(await events()).toContainEqual(expect.objectContaining({ type: 'latchkey-linked', restored: true }))
    expect(times('/device_authorization')).toBeLessThanOrEqual(2)
    const before = times('/device_authorization')
    const [first, second] = await page.evaluate<readonly string[]>(REFRESH)
    expect(second).not.toBe(first)
    // The refresh token that came with it is the one that is kept.
    await page.reload()
    await putLink(page, { issuer: server.issuer })
    await inState(page, 'linked')
    const [kept, third] = await page.evaluate<readonly string[]>(REFRESH)
    expect(kept).toBe(second)
    expect(third).not.toBe(second)
    expect(times('/device_authorization')).toBe(before)
  })

  it('unlinks here and at the server, and keeps its key for the next time', async () => {
    await linkWith()
    expect(await page.evaluate('link.unlink()')).toBe(true)
    await inState(page, 'idle')
    expect(times('/revoke')).toBeGreaterThan(0)
    expect(await page.evaluate('link.agent.status()')).toEqual({ kind: 'unlinked', damaged: false })
    const reason = await page.evaluate('link.agent.accessToken().catch(({ reason }) => reason)')
    expect(reason).toBe('unlinked')
    expect(await page.evaluate('link.store.keys.load().then(({ privateKey }) => privateKey.type)')).toBe('private')
  })

  it('says “continue on your phone” as soon as somebody has the code there, and is linked the moment they say yes', async () => {
    await putLink(page, { issuer: server.issuer, autostart: '' })
    await inState(page, 'waiting')
    const code = await shownCode(page)
    const phone = server.browser()
    await phone.signIn()
    await phone.open(`/link?user_code=${code}`)
    await phone.submit('/link', { user_code: code })
    await inState(page, 'opened')
    expect(await partText(page, 'title')).toBe('Continue on your phone')
    expect(await shownCode(page)).toBe(code)
    await phone.submit('/link/device', { answer: 'approve' })
    await inState(page, 'linked')
  })

  it('AGT-17 shows the same code again after a reload, and collects what was approved meanwhile', async () => {
    await putLink(page, { issuer: server.issuer, autostart: '' })
    await inState(page, 'waiting')
    const code = await shownCode(page)
    const before = times('/device_authorization')
    await page.reload()
    await server.decide(code, 'approve')
    await putLink(page, { issuer: server.issuer })
    await inState(page, 'linked')
    expect(await partText(page, 'title')).toBe('Welcome, Ana')
    expect(times('/device_authorization')).toBe(before)
  })

  it('AGT-06 says so when the person refuses', async () => {
    await putLink(page, { issuer: server.issuer, autostart: '' })
    await inState(page, 'waiting')
    await server.decide(await shownCode(page), 'deny')
    await inState(page, 'denied')
    expect(await partText(page, 'title')).toBe('The answer was no')
    expect(await events()).toContainEqual(expect.objectContaining({ type: 'latchkey-error', reason: 'denied' }))
    expect(await insides()).not.toContain('<path')
  })

  it('AGT-01 says so when the server calls itself something else', async () => {
    await putLink(page, { issuer: server.issuer.replace('127.0.0.1', 'localhost'), autostart: '' })
    await inState(page, 'failed')
    expect(await events()).toContainEqual(expect.objectContaining({ type: 'latchkey-error', reason: 'untrusted' }))
  })
})

describe('two pages of one TV', () => {
  for (const [turns, script] of [
    ['locks', ''],
    ['leases, where there are no locks', 'delete Navigator.prototype.locks'],
  ] as const) {
    it(`AGT-10 refresh once between them, by ${turns}`, async () => {
      await context.addInitScript(script)
      await page.reload()
      await linkWith()
      const other = await context.newPage()
      await other.goto(site.origin)
      await putLink(other, { issuer: server.issuer })
      await inState(other, 'linked')
      const before = times('/token', { grant_type: 'refresh_token' })
      const rejecting = 'link.agent.accessToken().then(({ token }) => { globalThis.old = token })'
      await Promise.all([page.evaluate(rejecting), other.evaluate(rejecting)])
      const renewing = 'link.agent.accessToken({ rejected: old }).then(({ token }) => token)'
      const [here, there] = await Promise.all([page.evaluate(renewing), other.evaluate(renewing)])
      expect(here).toBe(there)
      // One request, and one more where the first had no fresh nonce.
      expect(times('/token', { grant_type: 'refresh_token' }) - before).toBeLessThanOrEqual(2)
    })
  }

  it('make one key between them', async () => {
    const other = await context.newPage()
    await other.goto(site.origin)
    const thumb = `(async () => {
      const { publicKey } = await latchkey.indexedDbStore().keys.obtain()
      return JSON.stringify(await crypto.subtle.exportKey('jwk', publicKey))
    })()`
    await Promise.all([page, other].map((each) => each.waitForFunction('globalThis.latchkey')))
    const made = await Promise.all([page, other, page, other].map((each) => each.evaluate<string>(thumb)))
    expect(new Set(made).size).toBe(1)
  })
})

describe('a browser that can do less', () => {
  it('links, forgets, and says so, where it keeps nothing', async () => {
    await context.addInitScript("Object.defineProperty(globalThis, 'indexedDB', { value: undefined })")
    await page.reload()
    await linkWith()
    expect(await partText(page, 'note')).toContain('the link ends when the page closes')
    const protection = { bound: true, keeping: 'forgets' }
    expect(await events()).toContainEqual(expect.objectContaining({ type: 'latchkey-linked', protection }))
    await page.reload()
    await putLink(page, { issuer: server.issuer })
    await inState(page, 'idle')
  })

  it('links in a browser of 2020', async () => {
    await context.addInitScript(`
      for (const [owner, names] of [
        [URL, ['canParse', 'parse']], [Object, ['hasOwn', 'groupBy']], [globalThis, ['structuredClone']],
        [AbortSignal, ['any', 'timeout']], [AbortSignal.prototype, ['throwIfAborted', 'reason']],
        [Array.prototype, ['at', 'findLast', 'toSorted']], [String.prototype, ['at', 'replaceAll']],
        [Promise, ['any', 'withResolvers']], [Uint8Array.prototype, ['toBase64']], [Uint8Array, ['fromBase64']],
        [Crypto.prototype, ['randomUUID']], [Element.prototype, ['replaceChildren']],
      ]) for (const name of names) delete owner[name]`)
    await page.reload()
    await linkWith()
    const [first, second] = await page.evaluate<readonly string[]>(REFRESH)
    expect(second).not.toBe(first)
  })

  describe('on a page without https', () => {
    beforeEach(async () => {
      await page.goto(site.insecureOrigin)
      expect(await page.evaluate('[isSecureContext, typeof crypto.subtle, typeof navigator.locks]')).toEqual([
        false,
        'undefined',
        'undefined',
      ])
    })

    it('AGT-08 links without a key where the server allows that, believes no name, and says so', async () => {
      await linkWith({ 'client-id': 'plain-tv' })
      expect(await partText(page, 'title')).toBe('You are signed in')
      expect(await partText(page, 'note')).toContain('without https')
      const protection = { bound: false, keeping: 'keeps' }
      expect(await events()).toContainEqual(expect.objectContaining({ type: 'latchkey-linked', protection }))
      const [first, second] = await page.evaluate<readonly string[]>(REFRESH)
      expect(second).not.toBe(first)
    })

    it('is refused, and says why, where the server wants a key', async () => {
      await putLink(page, { issuer: server.issuer, autostart: '' })
      await inState(page, 'failed')
      expect(await partText(page, 'status')).toContain('without https')
      expect(await events()).toContainEqual(expect.objectContaining({ type: 'latchkey-error', reason: 'refused' }))
    })
  })
})
