import { randomBytes } from 'node:crypto'
import { cp, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CredentialRecord, credentialFile, keyFile } from '@latchkey/device-agent'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { keyName } from '../../device-agent/src/core/keys.ts'
import { type Seal, systemdSeal } from '../../device-agent/src/node/sealed-file.ts'
import { sealFolder } from '../../device-agent/src/node/sealed-folder.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { watched } from '../support/watched-files.ts'

let folder: string
let directory: string
let seal: Seal

beforeEach(async () => {
  folder = temporaryFolder()
  directory = join(folder, 'state')
  seal = await machine('this')
})
afterEach(() => removeFolder(folder))

/** What systemd gives the service on a machine of its own. */
async function machine(name: string, secret: Uint8Array = randomBytes(32)): Promise<Seal> {
  const credentials = join(folder, name)
  await mkdir(credentials)
  await writeFile(join(credentials, 'latchkey-agent-key'), secret, { mode: 0o400 })
  return systemdSeal({ CREDENTIALS_DIRECTORY: credentials })
}

function record(n: number): CredentialRecord {
  const obtainedAt = 1_900_000_000_000
  return {
    issuer: 'https://id.northwind.example',
    clientId: 'tv',
    linkedAt: obtainedAt,
    refreshToken: `canary-refresh-${n}`,
    accessTokens: [{ token: `canary-access-${n}`, obtainedAt }],
  }
}

const found = (n: number) => ({ kind: 'found', record: { refreshToken: `canary-refresh-${n}` } })

/** What somebody finds who reads every file of the folder. */
async function allText(): Promise<string> {
  const names = await readdir(directory)
  return (await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))).join('\n')
}

async function nameOfKey(at: Seal | undefined = seal): Promise<string> {
  return keyName(await keyFile({ directory, ...(at ? { seal: at } : {}) }).obtain())
}

it('STO-01 nothing readable lies in a sealed folder, and its own machine reads it back', async () => {
  const store = credentialFile({ directory, seal })
  const key = await nameOfKey()
  await store.save(record(1))
  await store.save(record(2))
  const text = await allText()
  for (const secret of ['canary', 'northwind', '"d"', 'tv']) expect(text).not.toContain(`"${secret}`)
  expect(text).not.toContain('canary')
  expect(await credentialFile({ directory, seal }).load()).toMatchObject(found(2))
  expect(await nameOfKey()).toBe(key)
})

it.each([
  ['without a secret', async () => systemdSeal({}), 'the secret that opens it is not here'],
  ['with credentials for other things', () => otherCredentials(), 'the secret that opens it is not here'],
  ['with a secret of its own', () => machine('other'), 'the secret here is another one'],
])('STO-01 a copied folder opens on no other machine, %s, and is not overwritten', async (_, elsewhere, why) => {
  await credentialFile({ directory, seal }).save(record(1))
  const key = await nameOfKey()
  const before = await allText()
  const other = await elsewhere()
  const closed = { reason: 'storage', message: expect.stringMatching(`sealed to one device, and ${why}. To mend it: `) }
  await expect(credentialFile({ directory, seal: other }).load()).rejects.toMatchObject(closed)
  await expect(keyFile({ directory, seal: other }).load()).rejects.toMatchObject(closed)
  await expect(keyFile({ directory, seal: other }).obtain()).rejects.toMatchObject(closed)
  expect(await allText()).toBe(before)
  expect(await nameOfKey()).toBe(key)
})

async function otherCredentials(): Promise<Seal> {
  const credentials = join(folder, 'unrelated')
  await mkdir(credentials)
  await writeFile(join(credentials, 'mail-password'), 'not ours')
  return systemdSeal({ CREDENTIALS_DIRECTORY: credentials })
}

it('STO-01 an agent that was never told of seals says what it is looking at', async () => {
  await credentialFile({ directory, seal }).save(record(1))
  await expect(credentialFile({ directory }).load()).rejects.toMatchObject({
    message: expect.stringContaining(`${join(directory, 'credentials.json')} is sealed to one device`),
  })
})

it('STO-01 a secret that is too short is refused, and nothing is written under it', async () => {
  const short = await machine('short', Buffer.from('fifteen bytes..'))
  const store = credentialFile({ directory, seal: short })
  await expect(store.save(record(1))).rejects.toMatchObject({
    reason: 'storage',
    message: expect.stringContaining('install-service --sealed'),
  })
  expect(await readdir(directory)).toEqual([])
})

it('STO-04 a sealed file that is damaged is damaged, not closed: the copy before it is used', async () => {
  const store = credentialFile({ directory, seal })
  await store.save(record(1))
  await store.save(record(2))
  const path = join(directory, 'credentials.json')
  const whole = await readFile(path, 'utf8')
  const { data } = JSON.parse(whole)
  const turned = `${data.startsWith('A') ? 'B' : 'A'}${data.slice(1)}`
  for (const damaged of [whole.replace(data, turned), whole.replace(data, ''), whole.slice(0, 40), '']) {
    await writeFile(path, damaged)
    expect(await store.load()).toMatchObject({ ...found(1), recovered: true })
  }
  await truncate(join(directory, 'credentials.json.previous'), 10)
  expect(await store.load()).toEqual({ kind: 'none', damaged: true })
})

it('STO-01 a folder from before is sealed at the start, whole; readable files work until then', async () => {
  const plain = credentialFile({ directory })
  await plain.save(record(1))
  await plain.save(record(2))
  const key = await keyName(await keyFile({ directory }).obtain())
  expect(await credentialFile({ directory, seal }).load()).toMatchObject(found(2))
  expect(await nameOfKey()).toBe(key)

  await sealFolder({ directory, seal })
  const sealed = await allText()
  expect(sealed).not.toContain('canary')
  expect(sealed).not.toContain('"key"')
  expect(await credentialFile({ directory, seal }).load()).toMatchObject(found(2))
  expect(await nameOfKey()).toBe(key)

  await sealFolder({ directory, seal })
  expect(await allText()).toBe(sealed)
})

it('STO-01 without a secret nothing is touched; an empty folder stays empty', async () => {
  await credentialFile({ directory }).save(record(1))
  const before = await allText()
  await sealFolder({ directory, seal: systemdSeal({}) })
  await sealFolder({ directory, seal: await otherCredentials() })
  expect(await allText()).toBe(before)
  directory = join(folder, 'fresh')
  await sealFolder({ directory, seal })
  expect(await readdir(directory)).toEqual([])
})

it('STO-01 a readable file is sealed by the next write even if nobody sealed the folder', async () => {
  await credentialFile({ directory }).save(record(1))
  const store = credentialFile({ directory, seal })
  await store.save(record(2))
  await store.save(record(3))
  expect(await allText()).not.toContain('canary')
})

it('STO-04 a plug pulled anywhere while a folder is sealed loses neither key nor link', async () => {
  const original = join(folder, 'original')
  const place = { directory: original }
  await credentialFile(place).save(record(1))
  await credentialFile(place).save(record(2))
  const key = await keyName(await keyFile(place).obtain())
  let whole = false
  let pulls = 0
  for (; !whole; pulls++) {
    directory = join(folder, `pulled-${pulls}`)
    await cp(original, directory, { recursive: true, mode: 0 })
    let calls = 0
    const files = watched(() => {
      if (calls++ >= pulls) throw new Error('power cut')
    }, true)
    whole = await sealFolder({ directory, seal, files }).then(
      () => true,
      () => false,
    )
    // The lock of a dead process is taken over by the next one; this test is still alive, so it is let go here.
    for (const name of await readdir(directory)) if (name.includes('lock')) removeFolder(join(directory, name))
    expect(await credentialFile({ directory, seal }).load()).toMatchObject(found(2))
    expect(await nameOfKey()).toBe(key)
    await sealFolder({ directory, seal })
    expect(await allText()).not.toContain('canary')
  }
  expect(pulls).toBeGreaterThan(40)
})
