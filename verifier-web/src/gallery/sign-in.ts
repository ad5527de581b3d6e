// Signing in, by passkey, password and code; and the pages of the account that change how.
import type { Chrome } from '../layout.tsx'
import { type CodeModel, codePage } from '../pages/code.tsx'
import { type PasskeyModel, type PasskeysModel, passkeyPage, passkeysPage } from '../pages/passkeys.tsx'
import { type PasswordModel, passwordPage } from '../pages/password.tsx'
import {
  type ForgotModel,
  forgotPage,
  goneResetPage,
  type ResetModel,
  resetPage,
  resetSentPage,
} from '../pages/reset.tsx'
import {
  type FactorModel,
  type FactorSetupModel,
  factorPage,
  factorSetupPage,
  recoveryCodesPage,
} from '../pages/second-factor.tsx'
import { type SignInModel, signInPage } from '../pages/sign-in.tsx'
import { ANA, ANYBODY, type GalleryEntry } from './scene.ts'

const AT = Date.UTC(2030, 0, 15, 12)
const DAY = 86_400
const when = (secondsAgo: number) => ({ at: AT - secondsAgo * 1000, secondsAgo })

// Good for no browser: there is nothing behind it, and the page must stay as it is.
const QUESTION = JSON.stringify({ challenge: 'Y2FubmVk', rpId: 'localhost', userVerification: 'preferred' })
const CREATION = JSON.stringify({
  challenge: 'Y2FubmVk',
  rp: { id: 'localhost', name: 'Northwind TV' },
  user: { id: 'YW5h', name: 'ana@example.com', displayName: 'Ana' },
  pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
})

const PHONE = { id: 'phone', name: 'Chrome on Android', made: when(40 * DAY), used: when(7200), synced: true }
const KEYS: PasskeysModel = {
  passkeys: [PHONE, { id: 'key', name: 'Blue key', made: when(3 * DAY), synced: false }],
  create: CREATION,
}

// The square of the key below, a row of it in each word: its modules as the bits of a number in base 36.
const ROWS = [
  'rwwci8an ecerkjsx kfmht1lp kg1migd9 kelbgtb1 e98rd6pt rwyepa4f 277skxs k2cziqmj dd3gfidp uqa7ofs',
  'j2acx91e ms2od51q imkvwlhr k3m02i95 bvu2iom2 iqi20uxq o5g0salj nxewby48 a8fcaov8 rl5ucs8t lnr4wszv',
  'nx15l1ja 8hhnraam 6w8ihln0 ho4iek5q fppt33p5 p130f7q1 14jlf7uh 3p3ktehu i7psxts4 354b77a 7ezo9z3r',
  '218lez5 rwhssi8s ebs3nswo kf3s7bw2 khx1fbub khogqg4h e9bc6b2u rxew5962',
].flatMap((rows) => rows.split(' '))

function squareOf(rows: readonly string[]) {
  const size = rows.length
  const bitsOf = (row: string) =>
    [...row]
      .reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n)
      .toString(2)
      .padStart(size, '0')
  const path = rows.flatMap((row, y) => [...bitsOf(row)].map((bit, x) => (bit === '1' ? `M${x} ${y}h1v1h-1z` : '')))
  return { size, path: path.join('') }
}

const SETUP: FactorSetupModel = {
  square: squareOf(ROWS),
  uri: 'otpauth://totp/Northwind%20TV:ana%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Northwind%20TV',
  key: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
  sealed: 'canned',
}
const ON = { since: when(90 * DAY), recoveryCodes: 8, few: false, needed: false }
const CODES = Array.from({ length: 10 }, (_, index) => String(481_620_937_755 + index * 47_911_003_517).slice(0, 12))

function signIn(name: string, model: SignInModel): GalleryEntry {
  return { name: `sign-in${name}`, html: (a) => signInPage({ ...ANYBODY, ...a }, model) }
}

function again(name: string, model: SignInModel): GalleryEntry {
  return {
    name: `sign-in-again${name}`,
    html: (a) => signInPage({ ...ANA, ...a }, { email: 'ana@example.com', ...model }),
  }
}

function code(name: string, model: Partial<CodeModel>): GalleryEntry {
  return { name: `code${name}`, html: (a) => codePage({ ...ANYBODY, ...a }, { email: 'ana@example.com', ...model }) }
}

function passkeys(name: string, model: Partial<PasskeysModel>): GalleryEntry {
  return { name: `passkeys${name}`, html: (a) => passkeysPage({ ...ANA, ...a }, { ...KEYS, ...model }) }
}

function passkey(name: string, model: Partial<PasskeyModel>): GalleryEntry {
  const all = { passkey: PHONE, last: false, ...model }
  return { name: `passkey-${name}`, html: (a) => passkeyPage({ ...ANA, ...a }, all) }
}

const NEW: PasskeyModel = { passkey: PHONE, last: false, news: 'passkey_added' }

function setUp(name: string, model: Partial<FactorSetupModel>): GalleryEntry {
  return { name: `factor-set-up${name}`, html: (a) => factorSetupPage({ ...ANA, ...a }, { ...SETUP, ...model }) }
}

function factor(name: string, model: FactorModel): GalleryEntry {
  return { name: `factor-${name}`, html: (a) => factorPage({ ...ANA, ...a }, model) }
}

function password(name: string, model: Partial<PasswordModel>): GalleryEntry {
  const all = { hasPassword: true, shortest: 15, ...model }
  return { name: `password${name}`, html: (a) => passwordPage({ ...ANA, ...a }, all) }
}

function forgot(name: string, model: ForgotModel): GalleryEntry {
  return { name: `forgot${name}`, html: (a) => forgotPage({ ...ANYBODY, ...a }, model) }
}

function reset(name: string, model: Partial<ResetModel>): GalleryEntry {
  const all = { email: 'ana@example.com', shortest: 15, secondFactor: false, ...model }
  return { name: `reset${name}`, html: (a) => resetPage({ ...ANYBODY, ...a }, all) }
}

/** Somebody's words, in all the places that have one. */
export function strangeSignIn(text: string, name: string, chrome: Chrome): GalleryEntry[] {
  const own = { ...PHONE, name: text }
  return [
    {
      name: `${name}-sign-in`,
      html: (a) =>
        signInPage(
          { ...chrome, ...a },
          { email: text, userCode: 'WDJB-MJHT', passkey: JSON.stringify({ challenge: text, rpId: text }) },
        ),
    },
    { name: `${name}-sign-in-app`, html: (a) => signInPage({ ...chrome, ...a }, { email: text, for: text }) },
    { name: `${name}-code`, html: (a) => codePage({ ...chrome, ...a }, { email: text, code: text, problem: 'wrong' }) },
    {
      name: `${name}-passkeys`,
      html: (a) =>
        passkeysPage({ ...chrome, ...a }, { passkeys: [own], kept: JSON.stringify({ rpID: text, userID: text }) }),
    },
    { name: `${name}-passkey`, html: (a) => passkeyPage({ ...chrome, ...a }, { passkey: own, last: true }) },
    {
      name: `${name}-forgot`,
      html: (a) => forgotPage({ ...chrome, ...a }, { email: text, problem: 'format' }),
    },
    {
      name: `${name}-reset`,
      html: (a) =>
        resetPage(
          { ...chrome, ...a },
          { email: text, shortest: 8, secondFactor: true, code: text, problem: 'wrong_code' },
        ),
    },
    { name: `${name}-password`, html: (a) => passwordPage({ ...chrome, ...a }, { hasPassword: true, shortest: 15 }) },
  ]
}

export const signInGallery: readonly GalleryEntry[] = [
  signIn('', { userCode: 'WDJB-MJHT', passkey: QUESTION, forgot: true }),
  signIn('-no-mail', { userCode: 'WDJB-MJHT', passkey: QUESTION }),
  signIn('-no-passkeys', { userCode: 'WDJB-MJHT', forgot: true }),
  signIn('-no-code', { passkey: QUESTION }),
  signIn('-app', { for: 'Northwind Player', passkey: QUESTION }),
  signIn('-wrong', {
    email: 'ana@example.com',
    problem: 'wrong',
    userCode: 'WDJB-MJHT',
    passkey: QUESTION,
    forgot: true,
  }),
  signIn('-nameless', { email: '', problem: 'wrong', passkey: QUESTION }),
  signIn('-too-many', { email: 'ana@example.com', problem: 'too_many', retryAfterSeconds: 45, passkey: QUESTION }),
  signIn('-locked', { email: 'ana@example.com', problem: 'too_many', retryAfterSeconds: 830, passkey: QUESTION }),
  signIn('-passkey-refused', { problem: 'passkey', userCode: 'WDJB-MJHT', passkey: QUESTION }),
  signIn('-passkey-late', { problem: 'passkey_late', userCode: 'WDJB-MJHT', passkey: QUESTION }),
  again('', { again: { hasPassword: true }, passkey: QUESTION, forgot: true }),
  again('-password', { again: { hasPassword: true } }),
  again('-stronger', { again: { hasPassword: false, stronger: true }, passkey: QUESTION }),
  again('-passkey', { again: { hasPassword: false }, passkey: QUESTION }),
  code('', {}),
  code('-wrong', { code: '123 456', problem: 'wrong' }),
  code('-too-many', { code: '123456', problem: 'too_many', retryAfterSeconds: 480 }),
  forgot('', {}),
  forgot('-format', { email: 'ana', problem: 'format' }),
  forgot('-too-many', { email: 'ana@example.com', problem: 'too_many', retryAfterSeconds: 1500 }),
  { name: 'reset-sent', html: (a) => resetSentPage({ ...ANYBODY, ...a }, { forSeconds: 1800 }) },
  reset('', {}),
  reset('-short', { problem: 'too_short' }),
  reset('-code', { secondFactor: true, shortest: 8 }),
  reset('-code-wrong', { secondFactor: true, shortest: 8, code: '123 456', problem: 'wrong_code' }),
  reset('-code-too-many', { secondFactor: true, shortest: 8, problem: 'too_many', retryAfterSeconds: 480 }),
  { name: 'reset-gone', html: (a) => goneResetPage({ ...ANYBODY, ...a }) },
  passkeys('', {}),
  passkeys('-none', { passkeys: [] }),
  passkeys('-added', { news: 'passkey_added' }),
  passkeys('-failed', { problem: 'failed' }),
  { name: 'passkeys-look', html: (a) => passkeysPage({ ...ANA, ...a }, { passkeys: KEYS.passkeys }) },
  { name: 'passkeys-full', html: (a) => passkeysPage({ ...ANA, ...a }, { passkeys: KEYS.passkeys, problem: 'full' }) },
  {
    name: 'passkeys-unsupported',
    html: (a) => passkeysPage({ ...ANA, ...a }, { passkeys: [], problem: 'unsupported' }),
  },
  passkey('new', { news: 'passkey_added' }),
  { name: 'passkey-new-device', html: (a) => passkeyPage({ ...ANA, deviceWaits: true, ...a }, NEW) },
  passkey('last', { last: true, passkey: { ...PHONE, synced: false } }),
  factor('off', { after: 'password' }),
  factor('off-upstream', { after: 'upstream' }),
  factor('off-passkey', { after: 'nothing' }),
  factor('off-again', { news: 'second_factor_off', after: 'password' }),
  factor('on', { after: 'password', on: ON }),
  factor('few', { after: 'password', on: { ...ON, recoveryCodes: 1, few: true } }),
  factor('needed', { after: 'password', on: { ...ON, needed: true } }),
  setUp('', {}),
  setUp('-wrong', { problem: 'wrong' }),
  setUp('-late', { problem: 'late' }),
  { name: 'factor-codes', html: (a) => recoveryCodesPage({ ...ANA, ...a }, { codes: CODES, fresh: true }) },
  { name: 'factor-codes-new', html: (a) => recoveryCodesPage({ ...ANA, ...a }, { codes: CODES, fresh: false }) },
  password('', {}),
  password('-first', { hasPassword: false }),
  password('-short', { problem: 'too_short', shortest: 8 }),
  password('-common', { problem: 'common' }),
  password('-own', { problem: 'own' }),
  password('-same', { problem: 'same' }),
  password('-long', { problem: 'too_long' }),
  password('-changed', { changed: true }),
]
