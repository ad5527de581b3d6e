// What the pages say and how, read off the HTML itself: no browser needed.
import { gzipSync } from 'node:zlib'
import {
  type Chrome,
  type ConsentModel,
  consentPage,
  type DeviceModel,
  devicePage,
  factorPage,
  identitiesPage,
  type Locale,
  linkPage,
  loggedOutPage,
  logoutPage,
  MARK,
  negotiateLocale,
  outcomePage,
  passkeyPage,
  passwordPage,
  problemPage,
  STYLESHEET,
  signInPage,
  undonePage,
  undoPage,
} from '@latchkey/verifier-web'
import { gallery } from '@latchkey/verifier-web/gallery'
import { describe, expect, it } from 'vitest'
import { PLAYER, TV } from '../../verifier-web/src/gallery/scene.ts'
import { plural } from '../../verifier-web/src/sentence.ts'
import { textOf, titleOf } from '../support/page-text.ts'
import { PSEUDO } from './pseudo-locale.ts'

const ENGLISH = negotiateLocale('en')
const PHONE = { id: 'phone', name: 'Phone', made: { at: 0, secondsAgo: 60 }, synced: true }
const chrome: Chrome = {
  brand: 'Northwind TV',
  locale: ENGLISH,
  stylesheet: `/id${STYLESHEET.path}`,
  base: '/id',
  csrf: 'token-1',
  account: { email: 'ana@example.com' },
}

/** Without what waits in the page until something happens. */
function still(html: string): string {
  return html.replace(/<template[\s\S]*?<\/template>/g, '')
}

const text = (html: string) => textOf(still(html))

function expectInOrder(page: string, order: readonly string[]): void {
  let rest = page
  for (const sentence of order) {
    expect(rest).toContain(sentence)
    rest = rest.slice(rest.indexOf(sentence) + sentence.length)
  }
}

function device(changes: Partial<DeviceModel> = {}): string {
  return still(devicePage(chrome, { ...TV, ...changes }))
}

describe('every page', () => {
  it.each(gallery)(
    'SES-03 UX-06 NEG-15 $name: no inline script or style, no refresh, csrf in every form',
    ({ html }) => {
      const page = html()
      expect(page).toMatch(/^<!doctype html><html lang="en" dir="ltr">/)
      const ours = /<script type="module" src="\/assets\/\w+\.[0-9a-f]{12}\.js"><\/script>/g
      expect(page.replace(ours, '')).not.toMatch(/<script|<style|<[^>]+\s(style|on\w+)=|http-equiv|javascript:/i)
      const forms = page.match(/<form[\s\S]*?<\/form>/g) ?? []
      for (const form of forms) {
        expect(form).toMatch(
          /^<form method="post" action="\/(link|sign-in|sign-out|reset-password|authorize|logout|language|account|undo)(\/[\w%./-]+)?"/,
        )
        expect(form).toContain('<input type="hidden" name="csrf"')
      }
    },
  )

  it.each(gallery)('WEB-06 $name: the title never holds a code', ({ html }) => {
    const [, title] = /<title>([^<]+)<\/title>/.exec(html()) ?? []
    expect(title).toBeTruthy()
    expect(title).not.toMatch(/WDJB|MJH/)
  })

  it('SES-03 the head says what browsers need and keeps addresses and search engines out', () => {
    const page = linkPage(chrome, {})
    for (const part of [
      '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
      '<meta name="color-scheme" content="light dark"/>',
      '<meta name="referrer" content="no-referrer"/>',
      '<meta name="robots" content="noindex"/>',
      `<link rel="stylesheet" href="/id${STYLESHEET.path}"/>`,
      `<link rel="icon" type="image/svg+xml" href="/id${MARK.path}"/>`,
    ]) {
      expect(page).toContain(part)
    }
    expect(page.match(/name="theme-color"/g)).toHaveLength(2)
  })

  it('UX-04 the base path stands before every link and every form', () => {
    const pages = [
      linkPage(chrome, {}),
      signInPage(chrome, {}),
      device(),
      consentPage(chrome, PLAYER),
      logoutPage(chrome, { devicesToo: true }),
      loggedOutPage(chrome, {}),
      outcomePage(chrome, { outcome: 'denied' }),
      problemPage(chrome, { problem: 'not_found' }),
    ]
    for (const page of pages) {
      for (const [, address] of page.matchAll(/(?:href|action)="([^"]*)"/g)) expect(address).toMatch(/^\/id\//)
    }
  })

  it('every page that may be somebody’s first stays under 14 KB, as it is, with its stylesheet compressed', () => {
    // Whoever is at their account has both stylesheets already. With scripts, and over the line: first-load.test.ts.
    const first = gallery
      .map(({ name, html }) => ({ name, page: html() }))
      .filter(({ page }) => !page.includes('/account.'))
    expect(first.map(({ name }) => name)).toContain('link')
    for (const { name, page } of first) {
      expect(Buffer.byteLength(page) + gzipSync(STYLESHEET.body).length, name).toBeLessThan(14 * 1024)
    }
  })

  it('UX-07 the words are a person’s: no jargon, no "please", no "successfully", nothing "scanned"', () => {
    const said = JSON.stringify(ENGLISH.words).replace(/\{\w+\}/g, '')
    const values = [...said.matchAll(/:"([^"]*)"/g)].map(([, value]) => value).join('\n')
    expect(values).not.toMatch(/please|success|scanned|\b(client|scope|grant|token|authori[sz]|credential|session)/i)
  })
})

describe('the code entry page', () => {
  it('UX-01 one field, with exactly the attributes that keep keyboards from meddling', () => {
    const [field, ...others] = linkPage(chrome, {}).match(/<input (?!type="hidden")[^>]*>/g) ?? []
    expect(others).toEqual([])
    for (const attribute of [
      'name="user_code"',
      'type="text"',
      'inputmode="text"',
      'autocapitalize="characters"',
      'autocomplete="off"',
      'autocorrect="off"',
      'spellcheck="false"',
    ]) {
      expect(field).toContain(attribute)
    }
    expect(Number(/maxlength="(\d+)"/.exec(field ?? '')?.[1])).toBeGreaterThanOrEqual(20)
    expect(field).not.toContain('one-time-code')
  })

  it('UX-03 each problem is told in words with a fix, in the title too, and keeps what was typed', () => {
    for (const problem of ['format', 'unknown', 'too_many'] as const) {
      const page = linkPage(chrome, { code: 'wdjb mj', problem, retryAfterSeconds: 30 })
      expect(page).toContain('value="wdjb mj"')
      expect(page).toContain('<title>Check the code · Northwind TV</title>')
      expect(page).toContain('aria-describedby="problem hint"')
      expect(page).toMatch(/role="alert" id="problem"/)
    }
    expect(text(linkPage(chrome, { problem: 'too_many', retryAfterSeconds: 30 }))).toContain('Wait 30 seconds')
    expect(text(linkPage(chrome, { problem: 'too_many', retryAfterSeconds: 61 }))).toContain('Wait 2 minutes')
    expect(text(linkPage(chrome, { problem: 'too_many' }))).toContain('Wait a moment')
  })

  it('WEB-07 unknown, expired and used are one message that names none of them', () => {
    expect(text(linkPage(chrome, { problem: 'unknown' }))).not.toMatch(/unknown|expired|used/i)
  })

  it('WEB-04 somebody signed in sees as whom, with the way out', () => {
    const page = linkPage(chrome, {})
    expect(text(page)).toContain('You are signed in ana@example.com Sign out')
    expect(page).toContain('action="/id/sign-out"')
    const { account: _, ...anybody } = chrome
    expect(linkPage(anybody, {})).not.toContain('sign-out')
  })
})

describe('a page that tells of trouble', () => {
  /** By name, from the gallery. */
  const page = (name: string) => gallery.find((entry) => entry.name === name)?.html({}) ?? ''

  it.each([
    ['sign-in-wrong', 'sign-in'],
    ['sign-in-passkey-refused', 'sign-in'],
    ['sign-in-upstream-unreachable', 'sign-in-upstream'],
    ['code-wrong', 'code'],
    ['forgot-format', 'forgot'],
    ['forgot-too-many', 'forgot'],
    ['reset-short', 'reset'],
    ['factor-set-up-wrong', 'factor-set-up'],
    ['factor-set-up-late', 'factor-set-up'],
    ['passkeys-failed', 'passkeys'],
    ['password-short', 'password'],
    ['identities-last-way', 'identities-one'],
    ['device-letters-wrong', 'device-letters'],
    ['link-unknown', 'link'],
  ])('UX-03 %s says so in its title', (name, before) => {
    expect(page(name)).toMatch(/class="notice (bad|warn)"/)
    expect([titleOf(page(before)), titleOf(page(name))]).toEqual([expect.any(String), expect.any(String)])
    expect(titleOf(page(name))).not.toBe(titleOf(page(before)))
  })

  it('UX-03 good news are no trouble', () => {
    expect(titleOf(page('identities-linked'))).toBe(titleOf(page('identities-one')))
    expect(titleOf(page('passkeys-added'))).toBe(titleOf(page('passkeys')))
  })
})

describe('the sign-in page', () => {
  it('UX-05 password managers recognise both fields, and a wrong try asks for the password alone', () => {
    const page = signInPage(chrome, { email: 'ana@example.com', problem: 'wrong' })
    expect(page).toMatch(/<input[^>]* name="email"[^>]* autocomplete="username"/)
    expect(page).toMatch(/<input[^>]* name="password" type="password"[^>]* autocomplete="current-password"/)
    expect(page).toContain('value="ana@example.com"')
    expect(page.match(/aria-invalid="true" aria-describedby="problem"/g)).toHaveLength(2)
  })

  it('WEB-02 it shows the code that it is for', () => {
    expect(text(signInPage(chrome, { userCode: 'WDJB-MJHT' }))).toContain('shows WDJB-MJHT')
  })

  it('WEB-04 it names the app that it is for, and speaks of no code then', () => {
    const page = signInPage(chrome, { for: 'Northwind Player' })
    expect(text(page)).toContain('To continue to Northwind Player .')
    expect(text(page)).not.toMatch(/device|code/)
    expect(page).not.toContain('/id/link')
    expect(text(signInPage(chrome, { for: 'Northwind Player', userCode: 'WDJB-MJHT' }))).not.toContain('Player')
  })
})

describe('the decision page', () => {
  it('WEB-02 WEB-04 WEB-05 shows everything one decides by: what was seen first, then what is claimed', () => {
    const order = [
      'Say yes only if you started this and it is in front of you now.',
      'Started 40 seconds ago',
      'On the same network as this phone',
      'Its code came with a link',
      'Its screen must show WDJB-MJHT',
      'Living room TV',
      'says it is Northwind N55 · app 4.2',
      'Signs in to Northwind TV',
      'Its own words, not checked',
      'It will be able to',
      'See your library',
      'Stay signed in until you remove it',
      'as ana@example.com Switch',
      '8 minutes left to answer',
      'Not mine',
      'Yes, link it',
      'Someone sent me this code',
    ]
    expectInOrder(text(device()), order)
  })

  it('WEB-05 refusing, agreeing and reporting are one tap each, in this order', () => {
    const answers = (page: string) => page.match(/name="(answer|number)" value="\w+"/g)
    expect(answers(device())).toEqual(['deny', 'approve', 'report'].map((value) => `name="answer" value="${value}"`))
  })

  it.each([
    ['typed', 'tick', 'You typed its code here'],
    ['address', 'eye', 'Its code came with a link'],
    ['website', 'warning', 'A website brought you here with its code'],
  ] as const)('WEB-01 WEB-04 how the code came, %s, is told as what the server knows', (arrived, sign, said) => {
    const page = device({ arrived })
    expect(/icon (\w+)"(?:(?!icon ).)*(?:typed its code|Its code came|website brought)/.exec(page)?.[1]).toBe(sign)
    expect(text(page)).toContain(said)
    expect(text(page).includes('Nobody from support will ever ask for this.')).toBe(arrived === 'website')
  })

  it('WEB-04 what it learns of the account comes first among its abilities, in words', () => {
    const able = 'It will be able to'
    expectInOrder(text(device({ identity: ['email', 'profile'] })), [
      able,
      'See your name and email address',
      'See your library',
    ])
    const email = text(device({ identity: ['email'], permissions: [], staysSignedIn: false }))
    expect(email).toContain(`${able} See your email address A as ana@example.com`)
    expect(text(device())).not.toMatch(/See your (name|email)/)
  })

  it('WEB-05 DEV-23 another network brings the warning that names the trick; the same one does not', () => {
    const warning = 'Nobody from support will ever ask for this.'
    expect(text(device())).not.toContain(warning)
    const page = text(device({ network: 'suspicious' }))
    expect(page).toContain('On a different network from this phone Its address is 203.0.113.7')
    expect(page).toContain(`${warning} If the device is not in front of you, someone may be trying to sign in as you.`)
  })

  it('DEV-23 where another network is usual, the fact is told without a warning', () => {
    const page = device({ network: 'other' })
    expect(text(page)).toContain('On a different network from this phone Its address is 203.0.113.7')
    expect(page).not.toContain('class="notice')
    expect(page).not.toContain('icon warning')
  })

  it('DEV-23 WEB-04 a place is told only where it differs, in the language of the page, and makes the warning stronger', () => {
    const abroad = { network: 'suspicious', countries: { phone: 'PT', device: 'DE' } } as const
    const page = device(abroad)
    expect(text(page)).toContain('In another country This phone: Portugal · device: Germany')
    expect(text(page)).toContain('If it is not in front of you, someone is trying to sign in as you.')
    expect(page).toContain('class="notice bad"')
    expect(page).not.toContain('203.0.113.7')
    const pseudo = text(devicePage({ ...chrome, locale: PSEUDO }, { ...TV, ...abroad }))
    expect(pseudo).toContain('גרמניה')
    const near = text(device({ network: 'suspicious', countries: { phone: 'PT', device: 'PT' } }))
    expect(near).toContain('On another network, in the same country')
    expect(near).not.toMatch(/Portugal|203\.0\.113\.7/)
    const allowed = device({ ...abroad, network: 'other' })
    expect(text(allowed)).toContain('In another country This phone: Portugal')
    expect(allowed).not.toContain('class="notice')
    expect(text(device({ countries: abroad.countries }))).not.toContain('Portugal')
  })

  it('DEV-23 a number takes the place of the yes: three buttons that look alike, then the way out', () => {
    const page = device({ network: 'suspicious', proof: { kind: 'number', choices: ['58', '17', '92'] } })
    expectInOrder(text(page), [
      'Check the screen',
      'Which number does the device show?',
      'Its code is WDJB-MJHT',
      'Living room TV',
      'It will be able to',
      'as ana@example.com Switch',
      'You have one try.',
      '58',
      '17',
      '92',
      'I can’t see the device',
      'Someone sent me this code',
    ])
    expect(page).not.toContain('value="approve"')
    const buttons = page.match(/<button[^>]*name="number"[^>]*>[\s\S]*?<\/button>/g) ?? []
    expect(new Set(buttons.map((button) => button.replace(/\d\d/g, '··'))).size).toBe(1)
    expect(buttons).toHaveLength(3)
  })

  it('DEV-23 letters take the place of the yes: their form has no other answer that Enter could give', () => {
    const page = device({ network: 'suspicious', userCode: 'WDJB-••••', proof: { kind: 'letters' } })
    expectInOrder(text(page), ['Its screen must show WDJB-••••', 'The last 4 letters on its screen', 'Yes, link it'])
    expect(page).not.toMatch(/MJHT|M J H T/)
    const form = /<form[^>]*class="fields">[\s\S]*?<\/form>/.exec(page)?.[0] ?? ''
    expect(form.match(/value="(?!token)\w+"/g)).toEqual(['value="approve"'])
    expect(form).toMatch(/<input id="letters"[^>]* autocomplete="off"/)
    expect(form).not.toContain('aria-invalid')
  })

  it.each([
    ['format', 'Type the last 4 letters of its code, those after the dash.'],
    ['wrong', 'These are not its letters. Read them off the screen again.'],
    ['last', 'You have one more try.'],
  ] as const)('DEV-23 UX-03 letters that were %s: the page says so at the field and in its title', (problem, said) => {
    const page = device({ userCode: 'WDJB-••••', proof: { kind: 'letters', problem } })
    expect(text(page)).toContain(said)
    expect(page).toContain('<title>Check the letters · Northwind TV</title>')
    expect(page).toMatch(/<input id="letters"[^>]* aria-invalid="true" aria-describedby="problem hint"/)
  })

  it('DEV-19 what it signs in to is a fact only where who asks has proven it, and else among its own words', () => {
    const own = 'Signs in to Northwind TV Its own words, not checked'
    const fact = /icon tick"(?:(?!icon ).)*Signs in to/
    expect(text(device())).toContain(own)
    expect(device()).not.toMatch(fact)
    expect(text(device({ proven: true }))).not.toContain(own)
    expect(device({ proven: true })).toMatch(fact)
  })

  it('UX-06 time left rounds down and turns into a warning below 60 s', () => {
    expect(text(device({ expiresInSeconds: 119 }))).toContain('1 minute left to answer')
    expect(device({ expiresInSeconds: 60 })).not.toContain('notice warn')
    const late = device({ expiresInSeconds: 59 })
    expect(late).toContain('notice warn')
    expect(text(late)).toContain('Only 59 seconds left to answer.')
    expect(text(late)).toContain('press OK on the device for a new code. You stay signed in.')
    expect(text(device({ expiresInSeconds: -3 }))).toContain('Only 0 seconds left')
  })

  it('WEB-04 a device that says nothing gets the registered name, which nobody can check', () => {
    const { name: _n, model: _m, software: _s, ...silent } = TV
    const page = text(devicePage(chrome, silent))
    expect(page).toContain('Northwind TV says nothing about itself We can’t check that it’s really this app')
    expect(page).not.toContain('not checked')
  })

  it('NEG-15 a device cannot turn text around, hide letters, pile marks or make a speech', () => {
    const spoken = device({
      name: '\u202Eevil\u2066\u200B\u0000',
      model: 'a '.repeat(300),
      software: `Z${'\u0301'.repeat(300)}`,
    })
    expect(spoken).toContain('<bdi>evil</bdi>')
    expect(spoken).not.toMatch(/[\p{Bidi_Control}\u200B\0]/u)
    expect(spoken).not.toMatch(/\u0301{5}/)
    expect(/says it is <span><bdi>([^<]*)</.exec(spoken)?.[1]).toHaveLength(64)
    expect(text(device({ name: '\u200B \u202E' }))).toContain('Northwind TV says it is')
  })
})

describe('the consent page', () => {
  const consent = (changes: Partial<ConsentModel> = {}) => consentPage(chrome, { ...PLAYER, ...changes })

  it('WEB-04 shows everything one decides by, in its order', () => {
    expectInOrder(text(consent()), [
      'Sign in to Northwind Player ?',
      'Say yes only if you started this.',
      'Goes back to app.example.com',
      'It will be able to',
      'See your name and email address',
      'See your library',
      'Stay signed in until you remove it',
      'as ana@example.com Switch',
      'No, go back',
      'Yes, sign in',
    ])
    expect(consent()).toContain('action="/id/authorize/consent"')
    expect(consent().match(/name="answer" value="\w+"/g)).toEqual([
      'name="answer" value="deny"',
      'name="answer" value="approve"',
    ])
    expect(text(consent({ identity: [], permissions: [], staysSignedIn: false }))).toContain(
      'It will be able to Recognise you when you come back, nothing more',
    )
  })

  it('AZ-12 an app that cannot be proven brings a warning before the answers; others do not', () => {
    const warning = 'We can’t check that it’s really this app. Go on only if you just started this.'
    expect(text(consent())).not.toContain(warning)
    const page = consent({ unproven: true, returnsTo: '127.0.0.1' })
    expectInOrder(text(page), ['Goes back to 127.0.0.1', warning, 'It will be able to', 'Yes, sign in'])
    expect(page).toContain('notice warn')
  })

  it('NEG-15 WEB-06 an app’s name stays out of the title, cannot turn the address around, and is never empty', () => {
    const page = consent({ client: '\u202Eelpmaxe\u200B', returnsTo: '\u202Eapp.example.com' })
    expect(page).toContain('Sign in to <bdi>elpmaxe</bdi>?')
    expect(page).toContain('<bdi dir="ltr" class="machine">app.example.com</bdi>')
    expect(page).toContain('<title>Sign in to this app? · Northwind TV</title>')
    expect(page).not.toMatch(/[\p{Bidi_Control}\u200B]/u)
    expect(text(consent({ client: '\u200B' }))).toContain('Sign in to app.example.com ?')
  })

  it('NEG-15 a long address shows its end, which is what tells whose it is', () => {
    const host = `${'login-northwind.'.repeat(14)}example.com`
    expect(consent({ returnsTo: host })).toContain(`>${host}</bdi>`)
  })
})

describe('signing out', () => {
  it('OI-07 it asks first, and devices stay unless their box is ticked, which it never is beforehand', () => {
    const page = logoutPage(chrome, { client: 'Northwind Player', devicesToo: true })
    expectInOrder(text(page), [
      'Sign out?',
      'Then you go back to Northwind Player .',
      'You are signed in as ana@example.com',
      'Sign out my devices too',
      'Unless you tick this, they stay signed in.',
      'No, stay',
      'Yes, sign out',
    ])
    expect(page).toContain('action="/id/logout/confirm"')
    expect(page).toMatch(/<input type="checkbox" name="devices" value="yes"/)
    expect(page).not.toMatch(/checked/)
    expect(page.match(/name="answer" value="\w+"/g)).toEqual(['name="answer" value="no"', 'name="answer" value="yes"'])
    const alone = logoutPage(chrome, { devicesToo: false })
    expect(alone).not.toMatch(/checkbox|go back to/)
  })

  it('OI-07 afterwards it says what became of the devices', () => {
    const { account: _, ...anybody } = chrome
    const page = loggedOutPage(anybody, {})
    expect(text(page)).toContain('You’re signed out Devices that you linked stay signed in.')
    expect(page).toContain('href="/id/sign-in"')
    expect(text(loggedOutPage(anybody, { devicesToo: true }))).toContain('Your devices are signed out too.')
  })
})

describe('outcomes and trouble', () => {
  it('WEB-05 after the answer the person is sent back to the device', () => {
    const page = outcomePage(chrome, { outcome: 'approved', device: 'Living room TV' })
    expect(text(page)).toContain('Allowed. Go back to Living room TV')
    expect(text(page)).toContain('It goes on by itself; you can close this page.')
    // Whether it is linked shows when it comes.
    expect(text(page)).toContain('Account: ana@example.com')
    expect(page).not.toMatch(/<h1>[^<]*[Ll]inked|<title>[^<]*linked/)
    expect(text(outcomePage(chrome, { outcome: 'approved' }))).toContain('Allowed. Go back to your device')
    expect(text(outcomePage(chrome, { outcome: 'denied' }))).toContain('Nothing was linked')
    expect(text(outcomePage(chrome, { outcome: 'used' }))).toContain('This code was already used')
  })

  it('WEB-05 after a yes: the device has come for it, or did not in time', () => {
    const ready = text(outcomePage(chrome, { outcome: 'ready', device: 'Living room TV' }))
    expect(ready).toContain('Living room TV is ready')
    expect(ready).toContain('Go back to it; you can close this page.')
    expect(ready).toContain('Linked to ana@example.com')
    expect(text(outcomePage(chrome, { outcome: 'ready' }))).toContain('Your device is ready')
    const missed = text(outcomePage(chrome, { outcome: 'missed', device: 'Living room TV' }))
    expect(missed).toContain('Living room TV did not answer in time So it was not linked.')
    expect(missed).toContain('Press OK on it for a new code.')
    expect(missed).not.toContain('Linked to')
    expect(text(outcomePage(chrome, { outcome: 'missed' }))).toContain('Your device did not answer in time')
  })

  it('UX-03 what the page may have to say later waits in it, and who cannot see it will hear: none of it is in a script', () => {
    const page = outcomePage(chrome, { outcome: 'approved', device: 'Living room TV' })
    expect(page).toContain('<p class="heard" role="status" data-live="approved" data-events="/id/link/events"')
    const waiting = [...page.matchAll(/<template data-for="([\w-]+)"([^>]*)>([\s\S]*?)<\/template>/g)]
    expect(
      waiting.map(([, on, , words = '']) => [on, /<h1>(.*?)<\/h1>/.exec(words)?.[1]?.replace(/<[^>]+>/g, '')]),
    ).toEqual([
      ['waiting', 'Allowed. Waiting for Living room TV…'],
      ['linked', 'Living room TV is ready'],
      ['missed', 'Living room TV did not answer in time'],
    ])
    expect(waiting[1]?.[2]).toContain(`data-title="Device linked · ${chrome.brand}"`)
    expect(waiting[2]?.[2]).toContain(`data-title="The device did not answer in time · ${chrome.brand}"`)
    expect(waiting[2]?.[2]).toContain('data-next="Type the new code"')
    expect(waiting[2]?.[3]).not.toContain('Linked to')
    for (const outcome of ['ready', 'missed', 'denied', 'used'] as const) {
      expect(outcomePage(chrome, { outcome })).not.toMatch(/<script|<template|data-live/)
    }
    const open = devicePage(chrome, TV)
    expect(open).toMatch(/data-live="open" data-events="\/id\/link\/events" data-tag="en" data-seconds="521"/)
    expect(open).toMatch(/<template data-for="last-minute"><p class="left warn" data-news>.*?<\/template>/)
    expect(devicePage(chrome, { ...TV, expiresInSeconds: 59 })).not.toContain('<template')
  })

  it('DEV-23 OI-06 what the operator does not allow is said with the reason and what to do', () => {
    const elsewhere = text(outcomePage(chrome, { outcome: 'elsewhere' }))
    expect(elsewhere).toContain('This device is somewhere else It can only be linked from its own network.')
    expect(elsewhere).toContain('Connect this phone to the device’s Wi-Fi')
    expect(elsewhere).toContain('If someone sent you the code, do not answer them.')
    const weak = text(outcomePage(chrome, { outcome: 'too_weak' }))
    expect(weak).toContain('This device needs a stronger sign-in')
    expect(weak).toContain('nothing was linked. A passkey may do')
  })

  it('WEB-05 DEV-22 that somebody may have sent the code is said once, and once on the button that reports it', () => {
    const sent: Readonly<Record<string, RegExp>> = { en: /sen[dt] (you|me)/g, de: /geschickt/g, pt: /envi(ou|aram)/g }
    for (const [lang, pattern] of Object.entries(sent)) {
      const here = { ...chrome, locale: negotiateLocale(lang) }
      for (const outcome of ['denied', 'mismatch', 'elsewhere'] as const) {
        const page = outcomePage(here, { outcome, canReport: true })
        const [button = ''] = /<button[^>]*value="report"[\s\S]*?<\/button>/.exec(page) ?? []
        expect([text(page).match(pattern)?.length, button.match(pattern)?.length], `${lang} ${outcome}`).toEqual([2, 1])
        expect(text(outcomePage(here, { outcome })).match(pattern), `${lang} ${outcome}`).toHaveLength(1)
      }
    }
  })

  it('OI-06 whoever has added what a device wants is led back to it, and nobody else', () => {
    const provider = 'Acme SSO'
    const done: Readonly<Record<string, (around: Chrome) => string>> = {
      passkey: (around) => passkeyPage(around, { passkey: PHONE, last: false, news: 'passkey_added' }),
      password: (around) => passwordPage(around, { hasPassword: true, shortest: 15, changed: true }),
      identity: (around) =>
        identitiesPage(around, { identities: [], upstreams: [], news: { provider, news: 'linked' } }),
    }
    for (const [name, page] of Object.entries(done)) {
      expect(page({ ...chrome, deviceWaits: true }), name).toMatch(/href="\/id\/link\/device">\s*Go on with the device/)
      expect(page(chrome), name).not.toContain('Go on with the device')
    }
  })

  it('SES-03 a passkey is offered where the script finds that there can be one', () => {
    const page = outcomePage(chrome, { outcome: 'ready', offersPasskey: true })
    expect(page).toMatch(/<p class="next" hidden data-passkeys[^>]*><a href="\/id\/account\/passkeys">/)
    expect(page).toMatch(/<script type="module" src="\/id\/assets\/handy\./)
    expect(outcomePage(chrome, { outcome: 'missed', offersPasskey: true })).not.toMatch(/<script|passkeys/)
  })

  it('what a code is asked for after is that of this account', () => {
    const page = (after: 'password' | 'upstream' | 'nothing') => text(factorPage(chrome, { after }))
    expect(page('password')).toContain('asked for after your password.')
    expect(page('upstream')).toContain('asked for after you sign in with another account.')
    expect(page('nothing')).toContain('You have neither yet.')
    expect(page('upstream') + page('nothing')).not.toContain('your password')
  })

  it('DEV-17 NEG-15 the page of a notice says whose words a name is, and makes nothing of an address in it', () => {
    const linked = { at: 0, secondsAgo: 60 }
    const device = { name: 'TV https://evil.example/x', client: 'Northwind TV', linked }
    const claimed = undoPage(chrome, device)
    expect(text(claimed)).toContain('TV https: //evil. example/x')
    expect(text(claimed)).toContain('Its own words, not checked')
    // A person's own name for it is nobody's claim.
    expect(text(undoPage(chrome, { ...device, label: 'Old TV' }))).not.toContain('not checked')
    const done = undonePage(chrome, { name: device.name, claimed: true, upToSeconds: 60 })
    expect(text(done)).toMatch(/It’s removed TV https: \/\/evil\. example\/x Its own words, not checked/)
    expect(done).toContain('<h1>It’s removed</h1>')
  })

  it('WEB-05 DEV-22 a report is thanked for with what was done and no more, and with what to do about a password', () => {
    const reported = (shutOut?: 'network' | 'key') =>
      text(outcomePage(chrome, { outcome: 'reported', ...(shutOut && { shutOut }) }))
    expect(reported()).toContain('Thank you. Nothing was linked The device that asked gets no access.')
    expect(reported()).not.toContain('shut out')
    expect(reported('key')).toContain('The device that asked is shut out. Whoever runs this service has been told.')
    expect(reported('network')).toContain('and so are others that were started from the same place')
    for (const page of [reported(), reported('key'), reported('network')]) {
      expect(page).toContain('type a password on another page, change it now')
    }
  })

  it('DEV-22 DEV-23 what ended without a yes says what to do next', () => {
    const mismatch = text(outcomePage(chrome, { outcome: 'mismatch' }))
    expect(mismatch).toContain('Its screen shows something else So nothing was linked.')
    expect(mismatch).toContain('press OK on it for a new code')
    expect(text(outcomePage(chrome, { outcome: 'contained' }))).toContain('It has no access to your account.')
    expect(text(outcomePage(chrome, { outcome: 'withdrawn' }))).toContain('press OK on it for a new one')
  })

  it('UX-06 an expired code says how to get a new one without a new login', () => {
    const page = outcomePage(chrome, { outcome: 'expired' })
    expect(text(page)).toContain(
      'This code has run out Press OK on the device for a new one. You stay signed in. Type the new code',
    )
    expect(page).toContain('href="/id/link"')
    const { account: _, ...anybody } = chrome
    expect(text(outcomePage(anybody, { outcome: 'expired' }))).not.toContain('You stay signed in')
  })

  it('UX-03 every problem says what to do next; only the unsafe connection offers nowhere to type', () => {
    const reference = 'Reference <bdi dir="ltr" class="machine">req-1</bdi>'
    for (const problem of [
      'bad_request',
      'cross_site',
      'stale_form',
      'not_found',
      'too_many',
      'server_error',
      'unavailable',
    ] as const) {
      const page = problemPage(chrome, { problem, requestId: 'req-1' })
      expect(page).toContain('href="/id/link"')
      expect(page).toContain(reference)
    }
    for (const problem of ['too_long', 'unknown_app', 'expired_sign_in'] as const) {
      const page = problemPage(chrome, { problem, requestId: 'req-1' })
      expect(text(page)).toMatch(
        /(nothing was (shared|done)|answered already).* Go back (to the app|and tell the app’s makers)/,
      )
      expect(page).toContain(reference)
      // Linking a device is no way on for who came from an app.
      expect(page).not.toMatch(/<a |<form|<input/)
    }
    const insecure = problemPage(chrome, { problem: 'insecure' })
    expect(insecure).not.toMatch(/<a |<form|<input/)
    expect(insecure).toContain('<bdi dir="ltr" class="machine">https://</bdi>')
  })
})

describe('the language', () => {
  const german: Locale = { ...ENGLISH, tag: 'de' }
  const portuguese: Locale = { ...ENGLISH, tag: 'pt' }
  const chinese: Locale = { ...ENGLISH, tag: 'zh-Hans' }
  const available = [ENGLISH, german, portuguese, chinese, PSEUDO] as const

  it.each([
    [undefined, 'en'],
    ['', 'en'],
    ['pt-BR', 'pt'],
    ['PT-br;q=0.4, de-AT;q=0.9', 'de'],
    ['fr, de;q=0', 'en'],
    ['fr, *;q=0.5, de;q=0.1', 'en'],
    ['xx;q=nonsense, de;q=2, pt', 'pt'],
    [`${'x-'.repeat(4000)},de`, 'de'],
    [',;=,;q=,\u0000', 'en'],
    ['he-IL', 'he'],
    ['pt-PT', 'pt'],
    ['zh-CN', 'zh-Hans'],
    ['zh-SG, en;q=0.9', 'zh-Hans'],
    // Traditional Chinese is another script: a language that the person names comes first, then what is nearest.
    ['zh-TW, en;q=0.5', 'en'],
    ['zh-HK, de;q=0.5', 'de'],
    ['zh-TW, zh;q=0.9, en;q=0.8', 'zh-Hans'],
    ['zh-Hant', 'zh-Hans'],
  ])('UX-08 Accept-Language %j finds %s', (header, tag) => {
    expect(negotiateLocale(header, available).tag).toBe(tag)
  })

  it('UX-08 amounts follow the language: plurals and digits come from Intl', () => {
    const arabic: Locale = { ...PSEUDO, tag: 'ar-EG' }
    expect(devicePage({ ...chrome, locale: german }, TV)).toContain('vor 40 Sekunden')
    expect(devicePage({ ...chrome, locale: german }, { ...TV, startedSecondsAgo: 61 })).toContain('vor 1 Minute')
    expect(devicePage({ ...chrome, locale: arabic }, { ...TV, expiresInSeconds: 130 })).toContain('دقيقتان')
  })

  it('UX-08 sentences that count take the form of their language, and the form for the rest where it is not said', () => {
    const cups = { one: '{count} cup, {kind}', other: '{count} cups, {kind}' }
    expect(plural('en', 1, cups)).toBe('1 cup, {kind}')
    expect(plural('en', 1200, cups)).toBe('1,200 cups, {kind}')
    expect(plural('de', 1200, cups)).toBe('1.200 cups, {kind}')
    const ar = {
      zero: 'zero',
      one: 'one',
      two: 'two',
      few: 'few {count}',
      many: 'many {count}',
      other: 'other {count}',
    }
    const said = [0, 1, 2, 3, 11, 100].map((amount) => plural('ar-u-nu-latn', amount, ar))
    expect(said).toEqual(['zero', 'one', 'two', 'few 3', 'many 11', 'other 100'])
    expect(plural('ar-u-nu-latn', 3, { other: '{count} left' })).toBe('3 left')
  })

  it('UX-08 codes and addresses run left to right in every language', () => {
    const page = devicePage({ ...chrome, locale: PSEUDO }, { ...TV, network: 'other' })
    expect(page).toMatch(/^<!doctype html><html lang="he" dir="rtl">/)
    expect(page).toContain('<bdi dir="ltr" class="code"><span aria-hidden="true">WDJB-MJHT</span>')
    expect(page).toContain('<bdi dir="ltr" class="machine">203.0.113.7</bdi>')
  })
})
