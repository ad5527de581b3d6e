// Every page in every state, with canned data: to look at (`npm run gallery`) and to test in a real browser.
import { STYLESHEET } from './assets.ts'
import type { Chrome } from './layout.tsx'
import { ENGLISH } from './locales/locale.ts'
import { type ConsentModel, consentPage } from './pages/consent.tsx'
import { type DeviceModel, devicePage } from './pages/device.tsx'
import { linkPage } from './pages/link.tsx'
import { type LogoutModel, loggedOutPage, logoutPage } from './pages/logout.tsx'
import { type OutcomeModel, outcomePage } from './pages/outcome.tsx'
import { type ProblemModel, problemPage } from './pages/problem.tsx'
import { signInPage } from './pages/sign-in.tsx'

/** One page in one state; `around` replaces parts of the frame, such as the language or where the stylesheet is. */
export interface GalleryEntry {
  readonly name: string
  readonly html: (around?: Partial<Chrome>) => string
}

const ANYBODY: Chrome = {
  brand: 'Northwind TV',
  locale: ENGLISH,
  stylesheet: STYLESHEET.path,
  base: '',
  csrf: 'canned-csrf-token',
}
const ANA: Chrome = { ...ANYBODY, account: { email: 'ana@example.com', name: 'Ana' } }

const TV: DeviceModel = {
  client: 'Northwind TV',
  name: 'Living room TV',
  model: 'Northwind N55',
  software: 'app 4.2',
  userCode: 'WDJB-MJHT',
  startedSecondsAgo: 40,
  expiresInSeconds: 521,
  address: '203.0.113.7',
  network: 'same',
  permissions: ['See your library', 'See what you watch'],
  staysSignedIn: true,
}

const PLAYER: ConsentModel = {
  client: 'Northwind Player',
  returnsTo: 'app.example.com',
  identity: ['profile', 'email'],
  permissions: ['See your library'],
  staysSignedIn: true,
  unproven: false,
}

const SCRIPT = `"'><script>document.title='owned'</script><img src=x onerror="document.title='owned'"><b>bold</b>&lt;`
const REVERSED = `\u202Eevil\u2066 \u200Bword\u0000s\r\nover\u2028two lines \uD800`
const LONG = 'Wohnzimmerfernsehempfangsgerät'.repeat(10)
const WORDY = 'the television in the big room behind the kitchen '.repeat(6)
const PILED = `Z${'\u0301\u0316'.repeat(150)}algo`

function strange(text: string, name: string): GalleryEntry[] {
  const chrome: Chrome = {
    ...ANYBODY,
    brand: text,
    csrf: text,
    account: { email: `${text}@example.com`, name: text },
  }
  const device: DeviceModel = {
    client: text,
    name: text,
    model: text,
    software: text,
    userCode: 'WDJB-MJHT',
    startedSecondsAgo: 1,
    expiresInSeconds: 700,
    address: text,
    network: 'suspicious',
    identity: ['email'],
    permissions: [text, `${text}.`],
    staysSignedIn: false,
  }
  const app: ConsentModel = { ...PLAYER, client: text, returnsTo: text, permissions: [text], unproven: true }
  return [
    { name: `${name}-link`, html: (a) => linkPage({ ...chrome, ...a }, { code: text, problem: 'format' }) },
    { name: `${name}-sign-in`, html: (a) => signInPage({ ...chrome, ...a }, { email: text, userCode: 'WDJB-MJHT' }) },
    { name: `${name}-sign-in-app`, html: (a) => signInPage({ ...chrome, ...a }, { email: text, for: text }) },
    { name: `${name}-consent`, html: (a) => consentPage({ ...chrome, ...a }, app) },
    { name: `${name}-logout`, html: (a) => logoutPage({ ...chrome, ...a }, { client: text, devicesToo: true }) },
    { name: `${name}-device`, html: (a) => devicePage({ ...chrome, ...a }, device) },
    { name: `${name}-outcome`, html: (a) => outcomePage({ ...chrome, ...a }, { outcome: 'approved', device: text }) },
    {
      name: `${name}-problem`,
      html: (a) => problemPage({ ...chrome, ...a }, { problem: 'server_error', requestId: text }),
    },
  ]
}

function device(name: string, changes: Partial<DeviceModel>): GalleryEntry {
  return { name: `device-${name}`, html: (a) => devicePage({ ...ANA, ...a }, { ...TV, ...changes }) }
}

function consent(name: string, changes: Partial<ConsentModel>): GalleryEntry {
  return { name: `consent-${name}`, html: (a) => consentPage({ ...ANA, ...a }, { ...PLAYER, ...changes }) }
}

function logout(name: string, model: LogoutModel): GalleryEntry {
  return { name: `logout-${name}`, html: (a) => logoutPage({ ...ANA, ...a }, model) }
}

function outcome(model: OutcomeModel, name: string = model.outcome): GalleryEntry {
  return { name: `outcome-${name}`, html: (a) => outcomePage({ ...ANA, ...a }, model) }
}

function problem(model: ProblemModel): GalleryEntry {
  const name = `problem-${model.problem.replaceAll('_', '-')}`
  return { name, html: (a) => problemPage({ ...ANYBODY, ...a }, model) }
}

export const gallery: readonly GalleryEntry[] = [
  { name: 'link', html: (a) => linkPage({ ...ANYBODY, ...a }, {}) },
  { name: 'link-filled', html: (a) => linkPage({ ...ANYBODY, ...a }, { code: 'WDJB-MJHT' }) },
  { name: 'link-signed-in', html: (a) => linkPage({ ...ANA, ...a }, {}) },
  { name: 'link-format', html: (a) => linkPage({ ...ANYBODY, ...a }, { code: 'wdjb mj', problem: 'format' }) },
  { name: 'link-unknown', html: (a) => linkPage({ ...ANA, ...a }, { code: 'WDJB-MJHX', problem: 'unknown' }) },
  { name: 'link-elsewhere', html: (a) => linkPage({ ...ANA, ...a }, { elsewhere: true }) },
  {
    name: 'link-too-many',
    html: (a) => linkPage({ ...ANYBODY, ...a }, { code: 'WDJB-MJHX', problem: 'too_many', retryAfterSeconds: 30 }),
  },
  { name: 'sign-in', html: (a) => signInPage({ ...ANYBODY, ...a }, { userCode: 'WDJB-MJHT' }) },
  { name: 'sign-in-no-code', html: (a) => signInPage({ ...ANYBODY, ...a }, {}) },
  {
    name: 'sign-in-wrong',
    html: (a) =>
      signInPage({ ...ANYBODY, ...a }, { email: 'ana@example.com', problem: 'wrong', userCode: 'WDJB-MJHT' }),
  },
  {
    name: 'sign-in-too-many',
    html: (a) =>
      signInPage({ ...ANYBODY, ...a }, { email: 'ana@example.com', problem: 'too_many', retryAfterSeconds: 90 }),
  },
  { name: 'sign-in-app', html: (a) => signInPage({ ...ANYBODY, ...a }, { for: PLAYER.client }) },
  device('same-network', {}),
  device('identity', { identity: ['profile', 'email'] }),
  device('proven', { proven: true }),
  device('other-network-allowed', { network: 'other' }),
  device('other-network', {
    network: 'suspicious',
    address: '2001:db8:4d1a:9f02:7c3e:55ff:fe21:8a04',
    startedSecondsAgo: 125,
  }),
  device('last-minute', { startedSecondsAgo: 558, expiresInSeconds: 42 }),
  device('one-minute', { startedSecondsAgo: 3, expiresInSeconds: 60, staysSignedIn: false }),
  {
    name: 'device-silent',
    html: (a) =>
      devicePage(
        { ...ANA, ...a },
        {
          client: TV.client,
          userCode: TV.userCode,
          startedSecondsAgo: 62,
          expiresInSeconds: 480,
          address: TV.address,
          network: 'same',
          permissions: [],
          staysSignedIn: false,
        },
      ),
  },
  consent('web', {}),
  consent('unproven', { returnsTo: '127.0.0.1', identity: ['profile'], unproven: true }),
  consent('nothing-more', { identity: [], permissions: [], staysSignedIn: false }),
  logout('alone', { devicesToo: false }),
  logout('devices', { client: PLAYER.client, devicesToo: true }),
  { name: 'logged-out', html: (a) => loggedOutPage({ ...ANYBODY, ...a }, {}) },
  { name: 'logged-out-devices', html: (a) => loggedOutPage({ ...ANYBODY, ...a }, { devicesToo: true }) },
  outcome({ outcome: 'approved', device: 'Living room TV' }),
  outcome({ outcome: 'approved' }, 'approved-unnamed'),
  outcome({ outcome: 'denied', device: 'Living room TV' }),
  outcome({ outcome: 'expired' }),
  outcome({ outcome: 'used' }),
  outcome({ outcome: 'elsewhere' }),
  outcome({ outcome: 'too_weak' }, 'too-weak'),
  problem({ problem: 'bad_request', requestId: 'req-4f1c' }),
  problem({ problem: 'cross_site', requestId: 'req-4f1c' }),
  problem({ problem: 'stale_form' }),
  problem({ problem: 'not_found' }),
  problem({ problem: 'too_many', retryAfterSeconds: 61 }),
  problem({ problem: 'server_error', requestId: 'req-4f1c' }),
  problem({ problem: 'unavailable', retryAfterSeconds: 5, requestId: 'req-4f1c' }),
  problem({ problem: 'insecure' }),
  problem({ problem: 'unknown_app', requestId: 'req-4f1c' }),
  problem({ problem: 'expired_sign_in' }),
  ...strange(SCRIPT, 'script'),
  ...strange(REVERSED, 'reversed'),
  ...strange(LONG, 'long'),
  ...strange(WORDY, 'wordy'),
  ...strange(PILED, 'piled'),
]
