// What every storage engine must do, whatever it is made of. An engine's own test file calls `storeConformance` and adds
// what is special to it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { endSession, findSession, renewSession, startSession } from '../../server/src/accounts/sessions.ts'
import { redeem } from '../../server/src/oauth/device/device-request.ts'
import { OAuthError } from '../../server/src/oauth/errors.ts'
import { NEVER, type StoredRecord, type TokenFamily } from '../../server/src/oauth/records.ts'
import { type Store, update } from '../../server/src/oauth/store.ts'
import { fakeHost } from '../support/fake-host.ts'
import { samples, TABLE_NAMES, tableOf } from './records.ts'

/** An empty place that a store is opened in, again and again; `remove` ends it. */
export interface StorePlace {
  open(): Promise<Store>
  remove(): Promise<void>
}

const ids = (records: readonly StoredRecord[]) => records.map((record) => record.id).sort()

/** Declares the suite. `makePlace` is called once for each test. */
export function storeConformance(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine} keeps the promises of a store`, () => {
    let place: StorePlace
    let store: Store
    beforeEach(async () => {
      place = await makePlace()
      store = await place.open()
    })
    afterEach(async () => {
      await store.close()
      await place.remove()
    })

    describe.each(TABLE_NAMES)('%s', (name) => {
      it('gives back what was inserted, to the last character, and after a restart too', async () => {
        const { [name]: record } = samples('one')
        expect(await tableOf(store, name).get(record.id)).toBeUndefined()
        expect(await tableOf(store, name).insert(record)).toBe(true)
        expect(await tableOf(store, name).get(record.id)).toEqual(record)
        await store.close()
        store = await place.open()
        expect(await tableOf(store, name).get(record.id)).toEqual(record)
      })

      it('refuses a taken id: nothing is written, and the neighbours stay as they are', async () => {
        const { [name]: first } = samples('one')
        const { [name]: neighbour } = samples('two')
        const table = tableOf(store, name)
        await table.insert(first)
        await table.insert(neighbour)
        expect(await table.insert({ ...samples('three')[name], id: first.id })).toBe(false)
        expect(await table.get(first.id)).toEqual(first)
        expect(await table.get(neighbour.id)).toEqual(neighbour)
      })

      it('swaps only the version that was read, and raises it', async () => {
        const { [name]: record } = samples('one')
        const { [name]: neighbour } = samples('two')
        const table = tableOf(store, name)
        expect(await table.swap(record)).toBe(false)
        await table.insert(record)
        await table.insert(neighbour)
        expect(await table.swap({ ...record, expiresAt: 17 })).toBe(true)
        expect(await table.get(record.id)).toEqual({ ...record, version: 1, expiresAt: 17 })
        expect(await table.swap({ ...record, expiresAt: 18 })).toBe(false)
        expect(await table.swap({ ...record, version: 2, expiresAt: 18 })).toBe(false)
        expect(await table.get(record.id)).toEqual({ ...record, version: 1, expiresAt: 17 })
        expect(await table.get(neighbour.id)).toEqual(neighbour)
      })

      it('deletes what was meant, once: of several who delete one wins', async () => {
        const { [name]: record } = samples('one')
        const { [name]: neighbour } = samples('two')
        const table = tableOf(store, name)
        await table.insert(record)
        await table.insert(neighbour)
        const won = await Promise.all(Array.from({ length: 5 }, () => table.delete(record.id)))
        expect(won.filter((one) => one)).toHaveLength(1)
        expect(await table.get(record.id)).toBeUndefined()
        expect(await table.swap(record)).toBe(false)
        expect(await table.get(neighbour.id)).toEqual(neighbour)
        expect(await table.insert(record)).toBe(true)
      })

      it('counts versions and times beyond 32 bits, up to the largest exact number', async () => {
        const record = { ...samples('one')[name], version: 2 ** 40, expiresAt: NEVER }
        const table = tableOf(store, name)
        await table.insert(record)
        expect(await table.swap(record)).toBe(true)
        expect(await table.get(record.id)).toEqual({ ...record, version: 2 ** 40 + 1 })
      })

      it('purges only what ended, a bounded number of rows at a time', async () => {
        const now = 2_000_000_000_000
        const many = 620
        const table = tableOf(store, name)
        for (let index = 0; index < many; index++) {
          await table.insert({ ...samples(`old-${index}`)[name], expiresAt: now - 1 - index })
        }
        const { [name]: living } = samples('living')
        const { [name]: endless } = samples('endless')
        await table.insert({ ...living, expiresAt: now + 1 })
        await table.insert({ ...endless, expiresAt: NEVER })
        const first = await store.purge(now)
        expect(first).toBeGreaterThan(0)
        expect(first).toBeLessThan(many)
        let deleted = first
        for (let more = first; more > 0; deleted += more) more = await store.purge(now)
        expect(deleted).toBe(many)
        expect(await table.get(living.id)).toEqual({ ...living, expiresAt: now + 1 })
        expect(await table.get(endless.id)).toEqual({ ...endless, expiresAt: NEVER })
        expect(await table.get('old-0')).toBeUndefined()
      })
    })

    it('DEV-04 refuses a device request whose user code is taken, and finds each by its code exactly', async () => {
      const { deviceRequests: first } = samples('one')
      const { deviceRequests: second } = samples('two')
      await store.deviceRequests.insert(first)
      const clash = { ...second, userCodeDigest: first.userCodeDigest }
      expect(await store.deviceRequests.insert(clash)).toBe(false)
      expect(await store.deviceRequests.get(second.id)).toBeUndefined()
      expect(await store.deviceRequests.byUserCode(first.userCodeDigest)).toEqual(first)
      expect(await store.deviceRequests.insert(second)).toBe(true)
      expect(await store.deviceRequests.byUserCode(second.userCodeDigest)).toEqual(second)
      expect(await store.deviceRequests.byUserCode(first.userCodeDigest.toUpperCase())).toBeUndefined()
    })

    it('finds device requests by the network they began in and by their key', async () => {
      const { deviceRequests: first } = samples('one')
      const { jkt: _, ...keyless } = samples('two').deviceRequests
      const neighbour = { ...keyless, address: '2001:db8::99' }
      const mapped = { ...samples('three').deviceRequests, address: '::ffff:192.0.2.1', jkt: first.jkt ?? '' }
      for (const request of [first, neighbour, mapped]) await store.deviceRequests.insert(request)
      expect(ids(await store.deviceRequests.byNetwork('2001:db8:0:0::/64'))).toEqual(['request-one', 'request-two'])
      expect(ids(await store.deviceRequests.byNetwork('192.0.2.1'))).toEqual(['request-three'])
      expect(ids(await store.deviceRequests.byKey('key-one'))).toEqual(['request-one', 'request-three'])
      expect(await store.deviceRequests.byKey('')).toEqual([])
    })

    it('refuses a user whose address is taken, and finds each by the address exactly', async () => {
      const { users: first } = samples('one')
      const { users: second } = samples('two')
      await store.users.insert(first)
      expect(await store.users.insert({ ...second, email: first.email })).toBe(false)
      expect(await store.users.get(second.id)).toBeUndefined()
      expect(await store.users.byEmail(first.email)).toEqual(first)
      expect(await store.users.insert(second)).toBe(true)
      expect(await store.users.byEmail(second.email)).toEqual(second)
      expect(await store.users.byEmail('%')).toBeUndefined()
    })

    it('SES-01 finds a session by its cookie, and by none that it had before', async () => {
      const { sessions: session } = samples('one')
      await store.sessions.insert(session)
      await store.sessions.insert(samples('two').sessions)
      expect(await store.sessions.insert({ ...session, id: 'another' })).toBe(false)
      expect(await store.sessions.byCookie('cookie-one')).toEqual(session)
      await store.sessions.swap({ ...session, cookieDigest: 'renewed' })
      expect(await store.sessions.byCookie('cookie-one')).toBeUndefined()
      expect(await store.sessions.byCookie('renewed')).toMatchObject({ id: session.id, version: 1 })
    })

    it('SES-01 a session that is ended while it gets a new cookie is ended, whichever connection each uses', async () => {
      const other = await place.open()
      const host = fakeHost()
      const { users: user } = samples('one')
      await store.users.insert(user)
      for (let round = 0; round < 60; round++) {
        await startSession(store, host, user, ['pwd'])
        const [session] = await store.sessions.byUser(user.id)
        if (session === undefined) throw new Error('no session')
        // Each time a little later than the time before, so that they meet wherever they can meet.
        const end = async () => {
          for (let turns = round % 20; turns > 0; turns--) await undefined
          await endSession(round % 2 === 0 ? store : other, session)
        }
        const [secret] = await Promise.all([renewSession(store, host, { session, user }), end()])
        expect(await findSession(store, host, secret)).toBeUndefined()
        expect(await store.sessions.byUser(user.id)).toEqual([])
      }
      await other.close()
    })

    it('follows a key that a swap changed', async () => {
      const { users: user } = samples('one')
      await store.users.insert(user)
      await store.users.swap({ ...user, email: 'new@example.com' })
      expect(await store.users.byEmail(user.email)).toBeUndefined()
      expect(await store.users.byEmail('new@example.com')).toMatchObject({ id: user.id, version: 1 })
    })

    it('forgets optional members that a swap left out', async () => {
      const { users: user } = samples('one')
      const { disabledAt: _, ...enabled } = user
      await store.users.insert(user)
      await store.users.swap(enabled)
      expect(await store.users.get(user.id)).toEqual({ ...enabled, version: 1 })
    })

    it('OPS-03 reads the trail from its end: all of it, by account, by event, between two ids, so many and no more', async () => {
      const { auditEntries } = store
      const { auditEntries: sample } = samples('one')
      const { userId: _, ...nobodys } = sample
      const idOf = (n: number) => `00189345600${String(n).padStart(4, '0')}000000${'abcdef01'.slice(n % 4)}`
      for (let n = 0; n < 20; n++) {
        const event = n % 2 === 0 ? 'linked' : 'reported'
        const entry = { ...nobodys, id: idOf(n), event, ...(n % 5 === 0 ? {} : { userId: `usr_${n % 5}` }) }
        expect(await auditEntries.insert(entry)).toBe(true)
      }
      const found = (entries: readonly StoredRecord[]) => entries.map(({ id }) => Number(id.slice(11, 15)))
      expect(found(await auditEntries.newest({ most: 4 }))).toEqual([19, 18, 17, 16])
      expect(found(await auditEntries.newest({ most: 3, before: idOf(7) }))).toEqual([6, 5, 4])
      expect(found(await auditEntries.newest({ most: 9, from: idOf(17) }))).toEqual([19, 18, 17])
      const between = { from: idOf(3).slice(0, 15), before: idOf(5).slice(0, 15) }
      expect(found(await auditEntries.newest({ most: 9, ...between }))).toEqual([4, 3])
      expect(found(await auditEntries.newestOfUser('usr_2', { most: 9 }))).toEqual([17, 12, 7, 2])
      expect(found(await auditEntries.newestOfUser('usr_2', { most: 9, from: idOf(3), before: idOf(17) }))).toEqual([
        12, 7,
      ])
      expect(found(await auditEntries.newestOfUser('usr_0', { most: 9 }))).toEqual([])
      expect(found(await auditEntries.newestOfEvent('reported', { most: 2, before: idOf(19) }))).toEqual([17, 15])
      expect(await auditEntries.newestOfUser('usr_4', { most: 1 })).toEqual([
        { ...sample, id: idOf(19), event: 'reported', userId: 'usr_4' },
      ])
    })

    it('knows whether there is any account', async () => {
      expect(await store.users.any()).toBe(false)
      await store.users.insert(samples('one').users)
      expect(await store.users.any()).toBe(true)
    })

    it('lists all users, clients, links, device requests and signing keys', async () => {
      expect(await store.users.all()).toEqual([])
      for (const name of ['one', 'two', 'three']) {
        const { users, clients, signingKeys, families, deviceRequests } = samples(name)
        await store.families.insert(families)
        await store.deviceRequests.insert(deviceRequests)
        await store.users.insert(users)
        await store.clients.insert(clients)
        await store.signingKeys.insert(signingKeys)
      }
      expect(ids(await store.users.all())).toEqual(['usr_one', 'usr_three', 'usr_two'])
      expect(ids(await store.clients.all())).toEqual(['client-one', 'client-three', 'client-two'])
      expect(ids(await store.families.all())).toEqual(['family-one', 'family-three', 'family-two'])
      expect(ids(await store.deviceRequests.all())).toEqual(['request-one', 'request-three', 'request-two'])
      expect(ids(await store.signingKeys.all())).toEqual(['key-one', 'key-three', 'key-two'])
    })

    it('finds the links of a person, of a client and of a key', async () => {
      const insert = (name: string, changes: Partial<TokenFamily>) =>
        store.families.insert({ ...samples(name).families, ...changes })
      await insert('one', { userId: 'usr_ana', clientId: 'tv', jkt: 'key' })
      await insert('two', { userId: 'usr_ana', clientId: 'box', jkt: 'KEY' })
      const { jkt: _, ...unbound } = samples('three').families
      await store.families.insert({ ...unbound, userId: 'usr_ben', clientId: 'tv' })
      expect(ids(await store.families.byUser('usr_ana'))).toEqual(['family-one', 'family-two'])
      expect(ids(await store.families.byUser('usr_ben'))).toEqual(['family-three'])
      expect(ids(await store.families.byClient('tv'))).toEqual(['family-one', 'family-three'])
      expect(ids(await store.families.byKey('key'))).toEqual(['family-one'])
      expect(await store.families.byKey('')).toEqual([])
      expect(await store.families.get('family-three')).not.toHaveProperty('jkt')
    })

    it('finds clients by who registered them, refuses a key that is taken, and lets many have none', async () => {
      const registered = (name: string, ownerId: string, jkt: string) => ({
        ...samples(name).clients,
        registration: { ownerId, jkt, tokenDigest: 'digest' },
      })
      expect(await store.clients.insert(registered('one', 'usr_ana', 'key-1'))).toBe(true)
      expect(await store.clients.insert(registered('two', 'usr_ana', 'key-2'))).toBe(true)
      expect(await store.clients.insert(registered('three', 'usr_ben', 'key-1'))).toBe(false)
      expect(await store.clients.get('client-three')).toBeUndefined()
      for (const name of ['four', 'five']) {
        const { registration: _, ...configured } = samples(name).clients
        expect(await store.clients.insert(configured)).toBe(true)
      }
      expect((await store.clients.byRegisteredKey('key-1'))?.id).toBe('client-one')
      expect(await store.clients.byRegisteredKey('key-3')).toBeUndefined()
      expect(ids(await store.clients.byOwner('usr_ana'))).toEqual(['client-one', 'client-two'])
      expect(await store.clients.byOwner('')).toEqual([])
    })

    it('lets parallel writers lose no write: as many succeed as the final count says', async () => {
      const { families: family } = samples('one')
      const other = await place.open()
      await store.families.insert({ ...family, usedAt: 0 })
      const writers = Array.from({ length: 40 }, async (_, index) => {
        const table = (index % 2 === 0 ? store : other).families
        try {
          await update(table, family.id, (current) => {
            if (current === undefined) throw new Error('the record is gone')
            return { next: { ...current, usedAt: current.usedAt + 1 }, outcome: undefined }
          })
          return 1
        } catch (error) {
          // Giving up after many tries is allowed; having written then is not.
          if (error instanceof OAuthError && error.code === 'temporarily_unavailable') return 0
          throw error
        }
      })
      const successes = (await Promise.all(writers)).reduce<number>((sum, one) => sum + one, 0)
      await other.close()
      expect(successes).toBeGreaterThan(0)
      expect(await store.families.get(family.id)).toMatchObject({ usedAt: successes, version: successes })
    })

    it('NEG-07 gives of two redeemers exactly one the family, whichever connection each uses', async () => {
      const other = await place.open()
      for (let round = 0; round < 100; round++) {
        const { deviceRequests, families: family } = samples(`round-${round}`)
        const { familyId: _, ...request } = deviceRequests
        await store.deviceRequests.insert({ ...request, state: 'approved' })
        const redeemer = async ({ deviceRequests, families }: Store) => {
          const { kind } = await update(deviceRequests, request.id, (current) => {
            if (current === undefined) throw new Error('the request is gone')
            return redeem(current, family.id, request.createdAt)
          })
          expect(kind).toBe('redeemed')
          return families.insert({ ...family, version: 0 })
        }
        const won = await Promise.all([redeemer(store), redeemer(round % 2 === 0 ? store : other)])
        expect(won.filter((one) => one)).toHaveLength(1)
        // One write, not two: the slower one saw that it had been done.
        expect(await store.deviceRequests.get(request.id)).toMatchObject({ state: 'redeemed', version: 1 })
      }
      await other.close()
    })
  })
}
