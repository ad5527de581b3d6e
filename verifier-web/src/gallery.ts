// Every page in every state, with canned data: to look at (`npm run gallery`) and to test in a real browser.
import { ASSETS, type Asset } from './assets.ts'
import { accountGallery, strangeAccount } from './gallery/account.ts'
import { deviceGallery, strangeDevice } from './gallery/device.ts'
import { framePages, THEME_ASSETS } from './gallery/frame.ts'
import { ANA, ANYBODY, type GalleryEntry, PLAYER } from './gallery/scene.ts'
import { signInGallery, strangeSignIn } from './gallery/sign-in.ts'
import { strangeUpstream, upstreamGallery } from './gallery/upstream.ts'
import type { Chrome } from './layout.tsx'
import { type ConsentModel, consentPage } from './pages/consent.tsx'
import { linkPage } from './pages/link.tsx'
import { type LogoutModel, loggedOutPage, logoutPage } from './pages/logout.tsx'
import { type ProblemModel, problemPage } from './pages/problem.tsx'
import { tooLargePage } from './pages/too-large.tsx'

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
  const app: ConsentModel = { ...PLAYER, client: text, returnsTo: text, permissions: [text], unproven: true }
  return [
    { name: `${name}-link`, html: (a) => linkPage({ ...chrome, ...a }, { code: text, problem: 'format' }) },
    { name: `${name}-consent`, html: (a) => consentPage({ ...chrome, ...a }, app) },
    { name: `${name}-logout`, html: (a) => logoutPage({ ...chrome, ...a }, { client: text, devicesToo: true }) },
    ...strangeDevice(text, name, chrome),
    {
      name: `${name}-problem`,
      html: (a) => problemPage({ ...chrome, ...a }, { problem: 'server_error', requestId: text }),
    },
    ...strangeAccount(text, name, chrome),
    ...strangeSignIn(text, name, chrome),
    ...strangeUpstream(text, name, chrome),
  ]
}

function consent(name: string, changes: Partial<ConsentModel>): GalleryEntry {
  return { name: `consent-${name}`, html: (a) => consentPage({ ...ANA, ...a }, { ...PLAYER, ...changes }) }
}

function logout(name: string, model: LogoutModel): GalleryEntry {
  return { name: `logout-${name}`, html: (a) => logoutPage({ ...ANA, ...a }, model) }
}

function problem(model: ProblemModel): GalleryEntry {
  const name = ['problem', model.problem.replaceAll('_', '-'), ...(model.place ? [model.place] : [])].join('-')
  return { name, html: (a) => problemPage({ ...ANYBODY, ...a }, model) }
}

/** What the pages of the gallery load. */
export const galleryAssets: readonly Asset[] = [...ASSETS, ...THEME_ASSETS]

export { noticeGallery } from './gallery/notices.ts'

export const gallery: readonly GalleryEntry[] = [
  ...framePages,
  { name: 'link', html: (a) => linkPage({ ...ANYBODY, ...a }, {}) },
  { name: 'link-filled', html: (a) => linkPage({ ...ANYBODY, ...a }, { code: 'WDJB-MJHT' }) },
  { name: 'link-signed-in', html: (a) => linkPage({ ...ANA, ...a }, {}) },
  { name: 'link-format', html: (a) => linkPage({ ...ANYBODY, ...a }, { code: 'wdjb mj', problem: 'format' }) },
  { name: 'link-unknown', html: (a) => linkPage({ ...ANA, ...a }, { code: 'WDJB-MJHX', problem: 'unknown' }) },
  {
    name: 'link-too-many',
    html: (a) => linkPage({ ...ANYBODY, ...a }, { code: 'WDJB-MJHX', problem: 'too_many', retryAfterSeconds: 30 }),
  },
  ...signInGallery,
  ...deviceGallery,
  consent('web', {}),
  consent('unproven', { returnsTo: '127.0.0.1', identity: ['profile'], unproven: true }),
  consent('nothing-more', { identity: [], permissions: [], staysSignedIn: false }),
  logout('alone', { devicesToo: false }),
  logout('devices', { client: PLAYER.client, devicesToo: true }),
  { name: 'logged-out', html: (a) => loggedOutPage({ ...ANYBODY, ...a }, {}) },
  { name: 'logged-out-devices', html: (a) => loggedOutPage({ ...ANYBODY, ...a }, { devicesToo: true }) },
  problem({ problem: 'bad_request', requestId: 'req-4f1c' }),
  problem({ problem: 'cross_site', requestId: 'req-4f1c' }),
  problem({ problem: 'stale_form' }),
  problem({ problem: 'stale_form', place: 'account' }),
  problem({ problem: 'stale_form', place: 'message' }),
  problem({ problem: 'stale_form', place: 'app' }),
  problem({ problem: 'another_code' }),
  problem({ problem: 'not_found' }),
  problem({ problem: 'not_found', place: 'account' }),
  problem({ problem: 'too_many', retryAfterSeconds: 61 }),
  problem({ problem: 'server_error', requestId: 'req-4f1c' }),
  problem({ problem: 'unavailable', retryAfterSeconds: 5, requestId: 'req-4f1c' }),
  problem({ problem: 'insecure' }),
  { name: 'problem-too-large', html: (a) => tooLargePage({ ...ANYBODY, ...a }) },
  problem({ problem: 'too_long', requestId: 'req-4f1c' }),
  problem({ problem: 'unknown_app', requestId: 'req-4f1c' }),
  problem({ problem: 'expired_sign_in' }),
  ...accountGallery,
  ...upstreamGallery,
  ...strange(SCRIPT, 'script'),
  ...strange(REVERSED, 'reversed'),
  ...strange(LONG, 'long'),
  ...strange(WORDY, 'wordy'),
  ...strange(PILED, 'piled'),
]
