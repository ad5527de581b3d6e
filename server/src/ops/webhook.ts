// Notices by HTTP: JSON, signed as Standard Webhooks 1.0 says (https://www.standardwebhooks.com): HMAC-SHA256 over id,
// moment and body, so that a receiver knows who sent it, and that it is neither old nor changed nor sent twice.
import { createHmac } from 'node:crypto'
import type { Host } from '@latchkey/shared'
import { randomToken } from '../oauth/keys/vault.ts'
import { Undeliverable } from './outbox.ts'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface WebhookSettings {
  readonly url: string
  /** The bytes behind `whsec_`. */
  readonly key: Uint8Array
}

export interface WebhookEvent {
  /** `device.linked` */
  readonly type: string
  /** When it happened; epoch milliseconds. */
  readonly at: number
  readonly data: Readonly<Record<string, unknown>>
}

/** One message, made once: each attempt has the same id and body, and a signature of its own moment. */
export interface WebhookMessage {
  readonly id: string
  readonly body: string
}

export interface Webhook {
  message(event: WebhookEvent): WebhookMessage
  /** Throws for any answer but 2xx; `Undeliverable` for 410: nobody listens there any more. */
  send(message: WebhookMessage, signal: AbortSignal): Promise<void>
}

const ANSWER_WITHIN_MS = 10_000
const ID_BYTES = 18

export function openWebhook({ url, key }: WebhookSettings, host: Host, fetch: Fetch): Webhook {
  return {
    message: ({ type, at, data }) => ({
      id: `msg_${randomToken(host.entropy, ID_BYTES)}`,
      body: JSON.stringify({ type, timestamp: new Date(at).toISOString(), data }),
    }),
    async send({ id, body }, signal) {
      const timestamp = String(Math.floor(host.clock.now() / 1000))
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
      const answered = new AbortController()
      const late = new AbortController()
      const timer = host.sleep(ANSWER_WITHIN_MS, answered.signal).then(
        () => late.abort(),
        () => undefined,
      )
      try {
        const answer = await fetch(url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'user-agent': 'Latchkey',
            'webhook-id': id,
            'webhook-timestamp': timestamp,
            'webhook-signature': `v1,${signature}`,
          },
          body,
          // Whoever moves writes the new address into the configuration: nothing is posted where a redirect says.
          redirect: 'manual',
          signal: AbortSignal.any([signal, late.signal]),
        })
        await answer.body?.cancel()
        if (answer.status === 410) throw Object.assign(new Undeliverable('gone'), { status: answer.status })
        if (!answer.ok) throw Object.assign(new Error('refused'), { status: answer.status })
      } finally {
        answered.abort()
        await timer
      }
    },
  }
}
