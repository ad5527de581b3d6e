// Who hears of what. People: a device was linked to their account (RFC 10027 §6.1.6), a way to sign in changed.
// Operators: somebody reported a code, guesses codes, or used a copy of a token. By mail where there is SMTP; a webhook
// hears of everything, and where there is no mail it brings the message for the person along, for others to send.
// What the messages say is handed in; how they leave is next door (outbox.ts, mail.ts, webhook.ts).
import type { AccountEvent, ProtocolEvent, Provider } from '../oauth/provider.ts'
import type { TokenFamily, User } from '../oauth/records.ts'
import { createThrottle } from '../oauth/throttle.ts'
import { undoToken, undoUntil } from '../oauth/undo.ts'
import type { Log } from './log.ts'
import { type MailMessage, type MailSettings, openMailer } from './mail.ts'
import { operatorMail } from './operator-mail.ts'
import { createOutbox, type Outbox, type Parcel } from './outbox.ts'
import { type Fetch, openWebhook, type WebhookEvent, type WebhookMessage, type WebhookSettings } from './webhook.ts'

export interface NoticeSettings {
  readonly mail?: MailSettings
  readonly webhook?: WebhookSettings
  /** Mail addresses. */
  readonly operators: readonly string[]
}

export interface LinkedFacts {
  readonly name?: string
  readonly client: string
  readonly at: number
  readonly from?: { readonly address: string; readonly country?: string }
  readonly undo: string
  readonly undoUntil: number
}

/** Changes of the ways to sign in that their person hears of. */
export const TOLD_CHANGES = [
  'passkey_added',
  'passkey_removed',
  'password_changed',
  'second_factor_on',
  'second_factor_off',
  'recovery_code_used',
  'identity_linked',
] as const satisfies readonly AccountEvent[]
export type ToldChange = (typeof TOLD_CHANGES)[number]

type Written = Pick<MailMessage, 'subject' | 'text'> & { readonly html: string }

/** Puts it into words, in the person's language (BCP 47). */
export interface NoticeWriter {
  device(language: string | undefined, facts: LinkedFacts): Written
  change(language: string | undefined, facts: { readonly change: ToldChange; readonly at: number }): Written
}

export interface NoticeSurroundings {
  /** The name of the service. */
  readonly brand: string
  readonly write: NoticeWriter
  readonly fetch: Fetch
  readonly log: Log
}

export interface Notices {
  /** Returns at once, and never throws: nobody waits for a message, and nothing fails because one cannot be sent. */
  note(event: ProtocolEvent): void
  /**
   * Sends what a person asked for by their address; absent where there is no SMTP. Returns at once: `make` finds out some
   * seconds later (`ANSWER_AFTER_MS`) whether there is anything to send, and once more when it did not arrive.
   */
  readonly answer?: (about: Parcel['about'], make: () => Promise<MailMessage | undefined>) => void
  close(): Promise<void>
}

/**
 * What is found out for an address holds up whoever comes at that moment. Nobody who asked knows when that is, and it is
 * not their own next request.
 */
export const ANSWER_AFTER_MS = { least: 1_000, most: 6_000 } as const

// Whoever makes the same thing happen again and again does not bury the operator's mail.
const OPERATOR_MAILS = { most: 10, windowSeconds: 3600 }

export function createNotices(
  provider: Provider,
  settings: NoticeSettings,
  { brand, write, fetch, log }: NoticeSurroundings,
): Notices {
  const { host, store, vault, issuer, clients, places } = provider
  const mailer = settings.mail && openMailer(settings.mail, new URL(issuer).hostname)
  const webhook = settings.webhook && openWebhook(settings.webhook, host, fetch)
  const mails = createOutbox('mail', host, log)
  const posts = createOutbox('webhook', host, log)
  // Anybody can ask for those: however many, no notice waits behind them.
  const answers = createOutbox('mail', host, log)
  const brake = createThrottle(OPERATOR_MAILS, host.clock)

  function mail(
    about: Parcel['about'],
    at: number,
    make: () => Promise<MailMessage | undefined>,
    { outbox = mails, afterMs = 0 }: { readonly outbox?: Outbox; readonly afterMs?: number } = {},
  ): void {
    if (mailer === undefined) return
    const parcel: Parcel = {
      about,
      async send(signal) {
        const message = await make()
        if (message !== undefined) await mailer.send(message, at, signal)
        return message !== undefined
      },
    }
    outbox.put(parcel, afterMs)
  }

  function answer(about: Parcel['about'], make: () => Promise<MailMessage | undefined>): void {
    const { least, most } = ANSWER_AFTER_MS
    const afterMs = least + ((most - least) * Buffer.from(host.entropy(4)).readUInt32LE()) / 2 ** 32
    mail(about, host.clock.now(), make, { outbox: answers, afterMs })
  }

  function post(about: Parcel['about'], make: () => Promise<WebhookEvent | undefined>): void {
    if (webhook === undefined) return
    let made: WebhookMessage | undefined
    posts.put({
      about,
      async send(signal) {
        const event = made === undefined ? await make() : undefined
        made ??= event && webhook.message(event)
        if (made !== undefined) await webhook.send(made, signal)
        return made !== undefined
      },
    })
  }

  /** Mail to a person; or the same for whoever listens on the webhook to send. */
  function tell(
    about: Parcel['about'],
    userId: string,
    at: number,
    event: Omit<WebhookEvent, 'at' | 'data'>,
    facts: () => Promise<{ readonly data: object; written(user: User): Written } | undefined>,
  ): void {
    const found = async () => {
      const user = await store.users.get(userId)
      const known = user?.disabledAt === undefined ? await facts() : undefined
      return user && known && { user, ...known }
    }
    mail(about, at, async () => {
      const known = await found()
      return known && { to: known.user.email, ...known.written(known.user) }
    })
    post(about, async () => {
      const known = await found()
      if (known === undefined) return undefined
      const { user, data, written } = known
      const notice = mailer === undefined ? { notice: { to: user.email, ...written(user) } } : {}
      return { ...event, at, data: { ...data, ...notice } }
    })
  }

  function linked({ familyId, userId }: Extract<ProtocolEvent, { event: 'linked' }>, at: number): void {
    tell({ event: 'linked', familyId, userId }, userId, at, { type: 'device.linked' }, async () => {
      const family = await store.families.get(familyId)
      if (family === undefined) return undefined
      const client = (await clients.find(family.clientId))?.name ?? family.clientId
      const facts = linkedFacts(family, client)
      return { data: linkData(family, facts), written: ({ locale }) => write.device(locale, facts) }
    })
  }

  function linkedFacts(family: TokenFamily, client: string): LinkedFacts {
    const { device, createdAt: at, startedFrom: address } = family
    return {
      ...(device.name === undefined ? {} : { name: device.name }),
      client,
      at,
      ...(address === undefined ? {} : { from: { address, ...places.of(address) } }),
      undo: `${issuer}/undo/${undoToken(vault, family)}`,
      undoUntil: undoUntil(family),
    }
  }

  function linkData(family: TokenFamily, { client, from, undo, undoUntil: until }: LinkedFacts): object {
    return {
      link_id: family.id,
      user_id: family.userId,
      client_id: family.clientId,
      client_name: client,
      // Its own words.
      device: family.device,
      ...(from === undefined ? {} : { from }),
      from_afar: family.fromAfar ?? false,
      // The right to end this link: for who brings the message to its person, and for nobody else.
      ...(mailer === undefined ? { undo, undo_until: new Date(until).toISOString() } : {}),
    }
  }

  function changed(change: ToldChange, userId: string, at: number): void {
    tell({ event: change, userId }, userId, at, { type: 'account.changed' }, async () => ({
      data: { user_id: userId, change },
      written: ({ locale }) => write.change(locale, { change, at }),
    }))
  }

  function alert(type: string, { event, ...ids }: ProtocolEvent, at: number): void {
    const data = Object.fromEntries(Object.entries(ids).map(([name, value]) => [snakeCase(name), value]))
    post({ event }, async () => ({ type, at, data }))
    const message = operatorMail(event, ids, { brand, issuer, at })
    if (message === undefined || brake.secondsToWait(event) > 0) return
    brake.count(event)
    for (const to of settings.operators) mail({ event }, at, async () => ({ to, ...message }))
  }

  return {
    note(event) {
      const at = host.clock.now()
      if (event.event === 'linked' && event.origin === 'device') linked(event, at)
      else if (event.event === 'reported') alert('device.reported', event, at)
      else if (event.event === 'many_wrong_codes') alert('codes.guessed', event, at)
      else if (event.event === 'refresh_reuse') alert('refresh.reused', event, at)
      else if (isToldChange(event)) changed(event.event, event.userId, at)
    },
    ...(mailer === undefined ? {} : { answer }),
    async close() {
      await Promise.all([mails.close(), posts.close(), answers.close()])
      mailer?.close()
    },
  }
}

function isToldChange(event: ProtocolEvent): event is { event: ToldChange; userId: string } {
  return (TOLD_CHANGES as readonly string[]).includes(event.event)
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
