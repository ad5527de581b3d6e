// Mail by SMTP (nodemailer): one message to one address. Nothing in a message is read from files or the network.
import { createTransport } from 'nodemailer'
import { Undeliverable } from './outbox.ts'

export interface MailSettings {
  readonly host: string
  readonly port: number
  /** TLS from the first byte; else STARTTLS where the server offers it. */
  readonly secure: boolean
  readonly credentials?: { readonly user: string; readonly pass: string }
  /** `Northwind <no-reply@example.com>` */
  readonly from: { readonly name: string; readonly address: string }
}

export interface MailMessage {
  /** One address, taken as it is. */
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html?: string
}

export interface Mailer {
  /** Throws when the server did not take it; `Undeliverable` when it refused it for good. `at`: epoch milliseconds. */
  send(message: MailMessage, at: number, signal: AbortSignal): Promise<void>
  close(): void
}

const MOST_CONNECTIONS = 2
const CONNECT_WITHIN_MS = 10_000
const SILENT_AT_MOST_MS = 20_000
const LOOPBACK = ['localhost', '127.0.0.1', '::1']

/** `name` is what this server calls itself to the other. */
export function openMailer({ host, port, secure, credentials, from }: MailSettings, name: string): Mailer {
  const local = LOOPBACK.includes(host)
  const transport = createTransport({
    pool: true,
    host,
    port,
    secure,
    name,
    ...(credentials === undefined ? {} : { auth: credentials }),
    // A password goes over no wire in the clear. On the machine itself there is no wire, and certificates seldom fit.
    ...(local ? { ignoreTLS: true } : { requireTLS: !secure && credentials !== undefined }),
    maxConnections: MOST_CONNECTIONS,
    connectionTimeout: CONNECT_WITHIN_MS,
    greetingTimeout: CONNECT_WITHIN_MS,
    socketTimeout: SILENT_AT_MOST_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    async send({ to, ...content }, at, signal) {
      try {
        await transport.sendMail({
          ...content,
          from,
          // As an object, it is not read as a list: an address with a comma in it would be two.
          to: { name: '', address: to },
          date: new Date(at),
          // RFC 3834: no "I am on holiday" comes back.
          headers: { 'Auto-Submitted': 'auto-generated' },
          signal,
        })
      } catch (error) {
        const { code, responseCode } = error as { readonly code?: unknown; readonly responseCode?: unknown }
        if (!isRefusal(code, responseCode)) throw error
        throw Object.assign(new Undeliverable('refused'), { code, responseCode })
      }
    },
    close: () => transport.close(),
  }
}

/** RFC 5321 §4.2.1: what the server refused for good. A wrong password of ours may be put right meanwhile. */
function isRefusal(code: unknown, responseCode: unknown): boolean {
  return (code === 'EENVELOPE' || code === 'EMESSAGE') && typeof responseCode === 'number' && responseCode >= 500
}
