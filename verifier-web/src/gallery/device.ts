// The decision about a device in every state: from here, from elsewhere, with each proof; and what comes of it.
import type { Chrome } from '../layout.tsx'
import { type DeviceModel, devicePage } from '../pages/device.tsx'
import { type OutcomeModel, outcomePage } from '../pages/outcome.tsx'
import { ANA, type GalleryEntry, TV } from './scene.ts'

const AFAR = { network: 'suspicious', startedSecondsAgo: 125 } as const
const ABROAD = { ...AFAR, countries: { phone: 'PT', device: 'DE' } } as const
const NUMBER = { proof: { kind: 'number', choices: ['17', '58', '92'] } } as const
const LETTERS = { userCode: 'WDJB-••••', proof: { kind: 'letters' } } as const

function device(name: string, changes: Partial<DeviceModel>): GalleryEntry {
  return { name: `device-${name}`, html: (a) => devicePage({ ...ANA, ...a }, { ...TV, ...changes }) }
}

function letters(problem: 'format' | 'wrong' | 'last'): GalleryEntry {
  return device(`letters-${problem}`, { ...AFAR, ...LETTERS, proof: { kind: 'letters', problem } })
}

function outcome(model: OutcomeModel, name: string = model.outcome): GalleryEntry {
  return { name: `outcome-${name}`, html: (a) => outcomePage({ ...ANA, ...a }, model) }
}

const { name: _name, model: _model, software: _software, ...SILENT } = TV

export const deviceGallery: readonly GalleryEntry[] = [
  device('same-network', {}),
  device('typed', { arrived: 'typed' }),
  device('website', { arrived: 'website' }),
  device('identity', { identity: ['profile', 'email'] }),
  device('proven', { proven: true }),
  device('other-network-allowed', { network: 'other' }),
  device('other-network', { ...AFAR, address: '2001:db8:4d1a:9f02:7c3e:55ff:fe21:8a04' }),
  device('same-country', { ...AFAR, countries: { phone: 'PT', device: 'PT' } }),
  device('abroad', { ...ABROAD, arrived: 'typed' }),
  device('number', { ...AFAR, ...NUMBER }),
  device('number-abroad', { ...ABROAD, ...NUMBER }),
  device('letters', { ...AFAR, ...LETTERS }),
  letters('format'),
  letters('wrong'),
  letters('last'),
  device('last-minute', { startedSecondsAgo: 558, expiresInSeconds: 42 }),
  device('one-minute', { startedSecondsAgo: 3, expiresInSeconds: 60, staysSignedIn: false }),
  {
    name: 'device-silent',
    html: (a) => devicePage({ ...ANA, ...a }, { ...SILENT, permissions: [], staysSignedIn: false }),
  },
  outcome({ outcome: 'approved', device: 'Living room TV' }),
  outcome({ outcome: 'approved' }, 'approved-unnamed'),
  outcome({ outcome: 'approved', device: 'Living room TV', offersPasskey: true }, 'approved-passkey'),
  outcome({ outcome: 'ready', device: 'Living room TV' }),
  outcome({ outcome: 'missed', device: 'Living room TV' }),
  outcome({ outcome: 'denied', device: 'Living room TV', canReport: true }),
  outcome({ outcome: 'denied', device: 'Living room TV' }, 'denied-final'),
  outcome({ outcome: 'mismatch', canReport: true }),
  outcome({ outcome: 'reported', shutOut: 'network' }),
  outcome({ outcome: 'reported', shutOut: 'key' }, 'reported-device'),
  outcome({ outcome: 'reported' }, 'reported-alone'),
  outcome({ outcome: 'contained' }),
  outcome({ outcome: 'withdrawn' }),
  outcome({ outcome: 'expired', canReport: true }),
  outcome({ outcome: 'used', contested: true }, 'used-contested'),
  outcome({ outcome: 'used' }),
  outcome({ outcome: 'elsewhere', canReport: true }),
  outcome({ outcome: 'too_weak' }, 'too-weak'),
  outcome(
    { outcome: 'too_weak', lacks: [{ kind: 'passkey' }, { kind: 'second_factor' }], canReport: true },
    'too-weak-lacks',
  ),
  outcome({ outcome: 'too_weak', lacks: [{ kind: 'upstream', provider: 'Acme SSO' }] }, 'too-weak-upstream'),
  outcome({ outcome: 'too_weak', lacks: [], canReport: true }, 'too-weak-never'),
]

/** The same with a stranger's words in every field. */
export function strangeDevice(text: string, name: string, chrome: Chrome): readonly GalleryEntry[] {
  const model: DeviceModel = {
    ...TV,
    client: text,
    name: text,
    model: text,
    software: text,
    startedSecondsAgo: 1,
    expiresInSeconds: 700,
    address: text,
    network: 'suspicious',
    identity: ['email'],
    permissions: [text, `${text}.`],
    staysSignedIn: false,
  }
  return [
    { name: `${name}-device`, html: (a) => devicePage({ ...chrome, ...a }, model) },
    { name: `${name}-number`, html: (a) => devicePage({ ...chrome, ...a }, { ...model, ...NUMBER }) },
    { name: `${name}-outcome`, html: (a) => outcomePage({ ...chrome, ...a }, { outcome: 'approved', device: text }) },
  ]
}
