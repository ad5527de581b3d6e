// GET /account: what is linked to the account and how one signs in to it. GET /account/activity: what happened lately.
// What can be done about one thing: devices.ts, sessions.ts, and the pages of each way to sign in.
import { type Activity, accountPage, activityPage, type Happening } from '@latchkey/verifier-web'
import type { FastifyInstance } from 'fastify'
import { liveSessions, type SignedIn } from '../../accounts/sessions.ts'
import { appsOf, devicesOf } from '../../oauth/belongings.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { AuditEntry } from '../../oauth/records.ts'
import { readAudit } from '../../ops/audit.ts'
import type { Pages } from '../page-scope.ts'
import { tellOnce } from '../visitor.ts'
import { appId, clientName, deviceName, isUnused, whenOf } from './facts.ts'
import { goSignIn } from './scope.ts'

const MOST_ACTIVITIES = 20

export interface AccountTerms {
  /** Somebody may sign in with an account of elsewhere. */
  readonly upstreams: boolean
}

export function accountRoutes(app: FastifyInstance, provider: Provider, pages: Pages, terms: AccountTerms): void {
  app.get('/account', async (request, reply) => {
    const { signedIn } = request.visitor
    if (signedIn === undefined) return goSignIn(pages, request, reply, '/account', 0)
    const news = tellOnce(pages.cookies, request, reply)
    const html = accountPage(pages.chrome(request), { ...(await overview(signedIn)), ...news })
    return pages.show(reply, html)
  })

  app.get('/account/activity', async (request, reply) => {
    const { signedIn } = request.visitor
    if (signedIn === undefined) return goSignIn(pages, request, reply, '/account/activity', 0)
    const activities = await activitiesOf(signedIn.user.id)
    return pages.show(reply, activityPage(pages.chrome(request), { activities }))
  })

  async function overview({ user }: SignedIn) {
    const { store, host } = provider
    const [devices, apps, enrolled, passkeys, identities, browsers] = await Promise.all([
      devicesOf(provider, user.id),
      appsOf(provider, user.id),
      store.clients.byOwner(user.id),
      store.passkeys.byUser(user.id),
      store.upstreamIdentities.byUser(user.id),
      liveSessions(store, host, user),
    ])
    return {
      devices: devices.map(({ family, client }) => {
        const { id, label = family.device.name, usedFrom } = family
        return {
          id,
          ...(label === undefined ? {} : { name: label }),
          client: clientName(client, family.clientId),
          used: whenOf(provider, family.usedAt),
          ...(usedFrom === undefined ? {} : provider.places.of(usedFrom)),
          unused: isUnused(provider, family),
        }
      }),
      apps: apps.map(({ clientId, client, families: [latest] }) => ({
        id: appId(clientId),
        name: clientName(client, clientId),
        ...(latest === undefined ? {} : { used: whenOf(provider, latest.usedAt) }),
      })),
      enrolled: enrolled.map(({ id, name, createdAt }) => ({ id, name, added: whenOf(provider, createdAt) })),
      passkeys: passkeys.length,
      password: user.passwordHash !== undefined,
      secondFactor: user.secondFactor !== undefined,
      ...(terms.upstreams ? { identities: identities.length } : {}),
      browsers: browsers.length,
    }
  }

  async function activitiesOf(userId: string): Promise<readonly Activity[]> {
    const activities: Activity[] = []
    for await (const entry of readAudit(provider.store, { userId })) {
      const happened = happeningOf(entry)
      if (happened === undefined) continue
      const name = await nameOf(entry)
      activities.push({ happened, when: whenOf(provider, entry.at), ...(name === undefined ? {} : { name }) })
      if (activities.length === MOST_ACTIVITIES) break
    }
    return activities
  }

  /** What it happened to, as far as it is still known. */
  async function nameOf({ clientId, details }: AuditEntry): Promise<string | undefined> {
    const { familyId } = details
    const family = typeof familyId === 'string' ? await provider.store.families.get(familyId) : undefined
    const client = clientId === undefined ? undefined : await provider.clients.find(clientId)
    if (family?.origin === 'device') return deviceName(family, client)
    return clientId === undefined ? undefined : clientName(client, clientId)
  }
}

/** What concerns its person of what the trail holds; the rest is for operators. */
const HAPPENINGS: Readonly<Record<string, Happening | undefined>> = {
  refresh_reuse: 'stolen',
  code_reuse: 'stolen',
  reported: 'reported',
  registered: 'registered',
  removed: 'removed',
  signed_in: 'signed_in',
  passkey_added: 'passkey_added',
  passkey_removed: 'passkey_removed',
  second_factor_on: 'second_factor_on',
  second_factor_off: 'second_factor_off',
  recovery_code_used: 'recovery_code_used',
  recovery_codes_made: 'recovery_codes_made',
  password_changed: 'password_changed',
  identity_linked: 'identity_linked',
  identity_unlinked: 'identity_unlinked',
  signed_out_everywhere: 'signed_out_everywhere',
  account_disabled: 'account_disabled',
  account_enabled: 'account_enabled',
}

function happeningOf({ event, details }: AuditEntry): Happening | undefined {
  if (event === 'linked') return details['origin'] === 'code' ? 'linked_app' : 'linked'
  if (event === 'denied') return details['reason'] === 'mismatch' ? 'mismatch' : 'denied'
  if (event === 'unlinked') return UNLINKED[String(details['by'])]
  return HAPPENINGS[event]
}

const UNLINKED: Readonly<Record<string, Happening | undefined>> = {
  device: 'unlinked_device',
  person: 'unlinked_person',
  notice: 'unlinked_notice',
  report: 'unlinked_report',
  operator: 'unlinked_operator',
}
