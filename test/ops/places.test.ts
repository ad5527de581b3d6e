// Countries out of a file on this machine: what the page of a device tells of far and near, and what it never needs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Places } from '../../server/src/oauth/device/places.ts'
import { openPlaces } from '../../server/src/ops/places.ts'
import { AWAY, type Elsewhere, elsewhereConfig, elsewhereServer, HOME } from '../support/elsewhere.ts'
import { writePlaceFile } from '../support/place-file.ts'
import { serverTerminal } from '../support/server-terminal.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

let folder: string
let file: string
beforeAll(() => {
  folder = temporaryFolder()
  file = join(folder, 'countries.mmdb')
  writePlaceFile(file, {
    '192.0.2.0/25': 'DE',
    '198.51.100.0/24': 'PT',
    '203.0.113.9/32': 'DE',
    '2001:db8::/32': 'CV',
    '100.64.0.0/10': 'not a code',
  })
})
afterAll(() => removeFolder(folder))

describe('the file', () => {
  let places: Places
  beforeAll(async () => {
    places = await openPlaces(file)
  })

  it.each([
    ['192.0.2.1', 'DE'],
    ['192.0.2.127', 'DE'],
    ['192.0.2.128', undefined],
    ['198.51.100.255', 'PT'],
    ['203.0.113.9', 'DE'],
    ['203.0.113.8', undefined],
    ['::ffff:198.51.100.7', 'PT'],
    ['2001:db8:ffff::1', 'CV'],
    ['2001:db9::1', undefined],
    ['10.0.0.1', undefined],
    ['192.168.1.20', undefined],
    ['127.0.0.1', undefined],
    ['::1', undefined],
    ['fe80::1%eth0', undefined],
    ['100.64.0.1', undefined],
    ['unknown', undefined],
    ['', undefined],
    ['2001:db8::1::2', undefined],
  ])('DEV-23 %s is in %s', (address, country) => {
    expect(places.of(address)?.country).toBe(country)
  })

  it('DEV-23 one that is damaged in the middle knows less, and keeps nobody from a page', async () => {
    const damaged = join(folder, 'damaged.mmdb')
    writePlaceFile(damaged, { '192.0.2.0/24': 'DE' })
    const bytes = readFileSync(damaged)
    bytes.fill(0xff, 0, bytes.indexOf('\xab\xcd\xefMaxMind.com', 'latin1'))
    writeFileSync(damaged, bytes)
    const known = await openPlaces(damaged)
    for (const address of ['192.0.2.1', '2001:db8::1', '8.8.8.8']) expect(known.of(address)).toBeUndefined()
  })
})

describe('at the start', () => {
  it.each([
    ['no such file', () => join(folder, 'missing.mmdb')],
    ['is a folder', () => join(folder, 'folder')],
    ['not a MaxMind DB file', () => join(folder, 'text.mmdb')],
    ['not a MaxMind DB file', () => join(folder, 'packed.mmdb')],
  ])('OPS-02 %s: one line with the path of the setting and the file, and exit code 2', async (said, path) => {
    mkdirSync(join(folder, 'folder'), { recursive: true })
    writeFileSync(join(folder, 'text.mmdb'), 'these are not the bytes you are looking for')
    writeFileSync(join(folder, 'packed.mmdb'), Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    const config = join(folder, 'latchkey.json')
    const database = `sqlite:${join(folder, 'latchkey.db')}`
    const listen = { host: '127.0.0.1', port: 0 }
    writeFileSync(
      config,
      JSON.stringify({ issuer: 'http://localhost:8080', listen, database, places: { database: path() } }),
    )
    const { run } = serverTerminal({ LATCHKEY_CONFIG: config, LATCHKEY_LOG_LEVEL: 'silent' })
    const { code, err } = await run(['serve'])
    expect([code, err]).toEqual([2, [expect.stringContaining(`latchkey: places.database: ${path()}: ${said}`)]])
  })
})

describe('on the page of a device', () => {
  let place: Elsewhere
  afterEach(() => place.server.close())
  const WARNING = 'Nobody from support will ever ask for this.'
  const STRONGER = 'If it is not in front of you, someone is trying to sign in as you.'

  async function pageFor(device: string, phone: string, places?: string, language = 'en') {
    place = await elsewhereServer({
      config: elsewhereConfig(places === undefined ? {} : { places: { database: places } }),
    })
    const { user_code } = await place.start('warn', { address: device })
    const browser = await place.person('bo', phone)
    return (await browser.open(`/link?user_code=${user_code}`, { 'accept-language': language })).body
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ')
  }

  it('DEV-23 WEB-04 another country is named, on both ends, and makes the warning stronger', async () => {
    const page = await pageFor(HOME, AWAY, file)
    expect(page).toContain('In another country This phone: Portugal · device: Germany')
    expect(page).toContain(`${WARNING} This device is in another country. ${STRONGER}`)
    expect(page).not.toContain(HOME)
  })

  it('DEV-23 WEB-04 the same country is said without its name', async () => {
    const page = await pageFor(HOME, '203.0.113.9', file)
    expect(page).toContain('On another network, in the same country')
    expect(page).not.toMatch(/Germany|192\.0\.2/)
    expect(page).toContain(WARNING)
    expect(page).not.toContain(STRONGER)
  })

  it('DEV-23 WEB-04 in the same network no place is told, whatever the file knows', async () => {
    const page = await pageFor(HOME, HOME, file)
    expect(page).toContain('On the same network as this phone')
    expect(page).not.toMatch(/Germany|country/)
  })

  it.each([
    ['only one end is known', HOME, '10.0.0.7', () => file],
    ['there is no file', HOME, AWAY, () => undefined],
  ])('DEV-23 %s: the network is told, with the address', async (_name, device, phone, places) => {
    const page = await pageFor(device, phone, places())
    expect(page).toContain(`On a different network from this phone Its address is ${device}`)
    expect(page).not.toMatch(/country/)
  })
})
