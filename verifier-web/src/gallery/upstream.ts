// Other providers: on the sign-in page, one and many; what became of a sign-in there; the accounts elsewhere.
import type { Chrome } from '../layout.tsx'
import { addIdentityPage, type IdentitiesModel, identitiesPage } from '../pages/identities.tsx'
import { signInPage } from '../pages/sign-in.tsx'
import type { UpstreamNews } from '../upstream.tsx'
import { ANA, ANYBODY, type GalleryEntry } from './scene.ts'

const ACME = { id: 'acme', name: 'Acme SSO' }
const MANY = [
  ACME,
  { id: 'north', name: 'Universitätsklinikum Nordwest Anmeldung' },
  { id: 'google', name: 'Google' },
  { id: 'long', name: 'Wohnungsbaugenossenschaftsverwaltung SW' },
]
const AT = Date.UTC(2030, 0, 15, 12)
const when = (secondsAgo: number) => ({ at: AT - secondsAgo * 1000, secondsAgo })
const LINKED: IdentitiesModel = {
  identities: [
    {
      id: 'one',
      provider: 'Acme SSO',
      name: 'ana@example.com',
      added: when(40 * 86_400),
      used: when(7200),
      gone: false,
    },
  ],
  upstreams: [ACME],
}

function signIn(name: string, news: UpstreamNews): GalleryEntry {
  const model = { userCode: 'WDJB-MJHT', upstreams: [ACME], news: { provider: ACME.name, news } }
  return { name: `sign-in-upstream-${name}`, html: (a) => signInPage({ ...ANYBODY, ...a }, model) }
}

function identities(name: string, model: Partial<IdentitiesModel>): GalleryEntry {
  return { name: `identities-${name}`, html: (a) => identitiesPage({ ...ANA, ...a }, { ...LINKED, ...model }) }
}

/** Names in somebody else's words: `text` in all the places that have one. */
export function strangeUpstream(text: string, name: string, chrome: Chrome): GalleryEntry[] {
  const upstreams = [{ id: 'x', name: text }]
  const [first] = LINKED.identities
  const mine = first === undefined ? [] : [{ ...first, provider: text, name: text }]
  const news = { provider: text, news: 'unknown' } as const
  return [
    {
      name: `${name}-sign-in-upstream`,
      html: (a) => signInPage({ ...chrome, ...a }, { upstreams, news }),
    },
    {
      name: `${name}-identities`,
      html: (a) => identitiesPage({ ...chrome, ...a }, { identities: mine, upstreams, news }),
    },
    {
      name: `${name}-identities-add`,
      html: (a) => addIdentityPage({ ...chrome, ...a }, { upstream: { id: 'x', name: text } }),
    },
  ]
}

export const upstreamGallery: readonly GalleryEntry[] = [
  {
    name: 'sign-in-upstream',
    html: (a) => signInPage({ ...ANYBODY, ...a }, { userCode: 'WDJB-MJHT', upstreams: [ACME] }),
  },
  {
    name: 'sign-in-upstream-many',
    html: (a) => signInPage({ ...ANYBODY, ...a }, { userCode: 'WDJB-MJHT', upstreams: MANY }),
  },
  {
    name: 'sign-in-upstream-passkey',
    html: (a) => signInPage({ ...ANYBODY, ...a }, { userCode: 'WDJB-MJHT', upstreams: [ACME], passkey: '{}' }),
  },
  {
    name: 'sign-in-upstream-again',
    html: (a) =>
      signInPage({ ...ANA, ...a }, { email: 'ana@example.com', again: { hasPassword: false }, upstreams: [ACME] }),
  },
  signIn('unreachable', 'unreachable'),
  signIn('failed', 'failed'),
  signIn('refused', 'refused'),
  signIn('run-out', 'run_out'),
  signIn('not-anew', 'not_anew'),
  signIn('too-many', 'too_many'),
  signIn('closed', 'closed'),
  signIn('unknown', 'unknown'),
  signIn('taken', 'taken'),
  signIn('no-address', 'no_address'),
  signIn('other-provider', 'other_provider'),
  identities('none', { identities: [] }),
  identities('one', {}),
  identities('many', {
    identities: [
      ...LINKED.identities,
      { id: 'two', provider: 'Google', added: when(30), used: when(30), gone: false },
      {
        id: 'three',
        provider: 'login.example.org',
        name: 'ana.maria.villanueva-schmidtbauer@subsidiary.northwind-broadcasting.example.com',
        added: when(400 * 86_400),
        used: when(90 * 86_400),
        gone: true,
      },
    ],
    upstreams: MANY,
  }),
  identities('linked', { news: { provider: ACME.name, news: 'linked' } }),
  identities('already', { news: { provider: ACME.name, news: 'already' } }),
  identities('anothers', { identities: [], news: { provider: ACME.name, news: 'anothers' } }),
  identities('removed', { identities: [], news: { provider: ACME.name, news: 'removed' } }),
  identities('last-way', { news: { provider: ACME.name, news: 'last_way' } }),
  { name: 'identities-add', html: (a) => addIdentityPage({ ...ANA, ...a }, { upstream: ACME }) },
]
