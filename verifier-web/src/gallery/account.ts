// The pages of the account, of what happens there, and of the notice that leads to one of them.
import type { Chrome } from '../layout.tsx'
import { type AccountModel, accountPage } from '../pages/account.tsx'
import { activityPage, type Happening } from '../pages/account-activity.tsx'
import {
  type AccountDeviceModel,
  accountAppPage,
  accountDevicePage,
  accountEnrolledPage,
  type RemovalModel,
  removalPage,
} from '../pages/account-device.tsx'
import { browsersPage, everywherePage } from '../pages/account-sessions.tsx'
import { goneUndoPage, undonePage, undoPage } from '../pages/undo.tsx'
import { ANA, ANYBODY, type GalleryEntry } from './scene.ts'

const NOON = Date.UTC(2030, 0, 15, 12)
const when = (secondsAgo: number) => ({ at: NOON - secondsAgo * 1000, secondsAgo })
const HOUR = 3600
const DAY = 24 * HOUR
const HERE = { address: '203.0.113.7' }

const FULL: AccountModel = {
  devices: [
    { id: 'one', name: 'Living room TV', client: 'Northwind TV', used: when(40), country: 'DE', unused: false },
    {
      id: 'two',
      name: 'Living room TV',
      client: 'Northwind TV',
      used: when(9 * HOUR),
      unused: false,
    },
    { id: 'three', client: 'Northwind Player', used: when(71 * DAY), unused: true },
  ],
  apps: [
    { id: 'player', name: 'Northwind Player', used: when(3 * DAY) },
    { id: 'web', name: 'Northwind TV' },
  ],
  enrolled: [{ id: 'dev_one', name: 'Northwind N55', added: when(5 * 30 * DAY) }],
  passkeys: 2,
  password: true,
  secondFactor: false,
  identities: 0,
  browsers: 3,
}

const NEW: AccountModel = {
  devices: [],
  apps: [],
  enrolled: [],
  passkeys: 0,
  password: true,
  secondFactor: false,
  browsers: 1,
}

const TV: AccountDeviceModel = {
  id: 'one',
  name: 'Living room TV',
  model: 'Northwind N55',
  software: 'app 4.2',
  client: 'Northwind TV',
  used: when(40),
  usedFrom: { ...HERE, country: 'DE' },
  linked: when(64 * DAY),
  startedFrom: HERE,
  fromAfar: false,
  unused: false,
  identity: ['profile'],
  permissions: ['See your library', 'See what you watch'],
  staysSignedIn: true,
}

const APP = {
  id: 'player',
  name: 'Northwind Player',
  used: when(3 * DAY),
  usedFrom: HERE,
  identity: ['profile', 'email'],
  permissions: ['See your library'],
  staysSignedIn: true,
} as const

const BROWSERS = {
  idleSeconds: 1800,
  mostSeconds: 12 * HOUR,
  browsers: [
    {
      id: 'a',
      browser: 'Firefox',
      system: 'Android',
      from: { ...HERE, country: 'DE' },
      since: when(400),
      used: when(1),
      here: true,
    },
    { id: 'b', browser: 'Safari', system: 'macOS', from: HERE, since: when(5 * HOUR), used: when(60), here: false },
    { id: 'c', since: when(HOUR), used: when(1000), here: false },
  ],
}

const HAPPENED: readonly (readonly [Happening, string?])[] = [
  ['linked', 'Living room TV'],
  ['signed_in'],
  ['linked_app', 'Northwind Player'],
  ['unlinked_person', 'Living room TV'],
  ['stolen', 'Living room TV'],
  ['mismatch', 'Northwind TV'],
  ['reported', 'Northwind TV'],
  ['password_changed'],
  ['passkey_added'],
  ['signed_out_everywhere'],
]
const ACTIVITIES = HAPPENED.map(([happened, name], index) => ({
  happened,
  when: when(index * index * HOUR),
  ...(name === undefined ? {} : { name }),
}))

function ana(name: string, html: (chrome: Chrome) => string): GalleryEntry {
  return { name, html: (around) => html({ ...ANA, ...around }) }
}

function anybody(name: string, html: (chrome: Chrome) => string): GalleryEntry {
  return { name, html: (around) => html({ ...ANYBODY, ...around }) }
}

const removal = (kind: RemovalModel['kind'], name: string): RemovalModel => ({
  kind,
  id: 'one',
  name,
  upToSeconds: 600,
})

export const accountGallery: readonly GalleryEntry[] = [
  ana('account', (chrome) => accountPage(chrome, FULL)),
  ana('account-new', (chrome) => accountPage(chrome, NEW)),
  ana('account-removed', (chrome) =>
    accountPage(chrome, { ...NEW, passkeys: 1, password: false, news: { news: 'removed', device: 'Living room TV' } }),
  ),
  ana('account-device', (chrome) => accountDevicePage(chrome, TV)),
  ana('account-device-renamed', (chrome) =>
    accountDevicePage(chrome, { ...TV, label: 'Northwind TV', news: { news: 'renamed' } }),
  ),
  ana('account-device-unused', (chrome) =>
    accountDevicePage(chrome, {
      id: 'three',
      client: 'Northwind Player',
      used: when(71 * DAY),
      linked: when(400 * DAY),
      fromAfar: true,
      unused: true,
      identity: [],
      permissions: [],
      staysSignedIn: false,
    }),
  ),
  ana('account-app', (chrome) => accountAppPage(chrome, APP)),
  ana('account-enrolled', (chrome) =>
    accountEnrolledPage(chrome, { id: 'dev_one', name: 'Northwind N55', added: when(5 * 30 * DAY), permissions: [] }),
  ),
  ana('account-remove-device', (chrome) => removalPage(chrome, removal('devices', 'Living room TV'))),
  ana('account-remove-app', (chrome) => removalPage(chrome, removal('apps', 'Northwind Player'))),
  ana('account-remove-enrolled', (chrome) => removalPage(chrome, removal('enrolled', 'Northwind N55'))),
  ana('account-sessions', (chrome) => browsersPage(chrome, BROWSERS)),
  ana('account-sessions-alone', (chrome) =>
    browsersPage(chrome, { ...BROWSERS, browsers: BROWSERS.browsers.slice(0, 1), news: { news: 'ended_others' } }),
  ),
  ana('account-sign-out', (chrome) => everywherePage(chrome)),
  ana('account-activity', (chrome) => activityPage(chrome, { activities: ACTIVITIES })),
  ana('account-activity-none', (chrome) => activityPage(chrome, { activities: [] })),
  anybody('undo', (chrome) =>
    undoPage(chrome, { name: 'Living room TV', client: 'Northwind TV', linked: when(300), from: HERE }),
  ),
  anybody('undo-named', (chrome) =>
    undoPage(chrome, {
      label: 'Old TV',
      name: 'Living room TV',
      client: 'Northwind TV',
      linked: when(300),
      from: HERE,
    }),
  ),
  anybody('undo-done', (chrome) => undonePage(chrome, { name: 'Living room TV', claimed: true, upToSeconds: 600 })),
  anybody('undo-gone', (chrome) => goneUndoPage(chrome)),
]

/** The same with somebody else's text wherever there is room for one. */
export function strangeAccount(text: string, name: string, chrome: Chrome): GalleryEntry[] {
  const page = (suffix: string, html: (chrome: Chrome) => string): GalleryEntry => ({
    name: `${name}-${suffix}`,
    html: (around) => html({ ...chrome, ...around }),
  })
  const [device] = FULL.devices
  const from = { address: text }
  const model: AccountModel = {
    ...FULL,
    devices: device === undefined ? [] : [{ ...device, name: text, client: text, country: text }],
    apps: [{ id: 'app', name: text }],
    enrolled: [{ id: 'enrolled', name: text, added: when(0) }],
    news: { news: 'removed', device: text },
  }
  return [
    page('account', (around) => accountPage(around, model)),
    page('account-device', (around) =>
      accountDevicePage(around, {
        ...TV,
        label: text,
        name: text,
        model: text,
        software: text,
        client: text,
        usedFrom: from,
        permissions: [text],
      }),
    ),
    page('account-app', (around) => accountAppPage(around, { ...APP, name: text, permissions: [text] })),
    page('account-remove', (around) => removalPage(around, removal('devices', text))),
    page('account-sessions', (around) =>
      browsersPage(around, {
        ...BROWSERS,
        browsers: BROWSERS.browsers.map((one) => ({ ...one, browser: text, system: text, from })),
      }),
    ),
    page('account-activity', (around) =>
      activityPage(around, { activities: [{ happened: 'linked', when: when(0), name: text }] }),
    ),
    page('undo', (around) => undoPage(around, { name: text, client: text, linked: when(0), from })),
    page('undo-done', (around) => undonePage(around, { name: text, claimed: true, upToSeconds: 600 })),
  ]
}
