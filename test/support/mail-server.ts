// A mail server that a test owns, on a port of its own: what was delivered, to whom, read as a mail program reads it.
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

export interface Mail {
  /** Of the envelope: who really got it. */
  readonly recipients: readonly string[]
  /** By lower-case name, unfolded and decoded; a name that occurs twice has two values. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly text: string
  readonly html: string
  readonly raw: string
}

export interface MailServer {
  /** For the configuration. */
  readonly url: string
  readonly port: number
  /** In the order of their arrival. */
  readonly mails: readonly Mail[]
  /** How often somebody began to hand a message over. */
  attempts(): number
  /** From now on messages are taken only when the function that this returns is called. */
  hold(): () => void
  /** From now on every recipient is refused with this reply code. */
  refuse(code: number): void
  close(): Promise<void>
}

export async function startMailServer(port = 0): Promise<MailServer> {
  const mails: Mail[] = []
  let begun = 0
  let held: Promise<void> = Promise.resolve()
  let refusal: number | undefined
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    closeTimeout: 100,
    onRcptTo(address, _session, done) {
      begun += 1
      const error = new Error(`<${address.address}> is not known here`)
      done(refusal === undefined ? null : Object.assign(error, { responseCode: refusal }))
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        void held.then(() => {
          const recipients = session.envelope.rcptTo.map(({ address }) => address)
          mails.push(read(Buffer.concat(chunks).toString('latin1'), recipients))
          done()
        })
      })
    },
  })
  // A client that leaves in the middle is part of some tests.
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const taken = (server.server.address() as AddressInfo).port
  return {
    url: `smtp://127.0.0.1:${taken}`,
    port: taken,
    mails,
    attempts: () => begun,
    hold() {
      let release: () => void = () => undefined
      held = new Promise((resolve) => {
        release = resolve
      })
      return release
    },
    refuse(code) {
      refusal = code
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function read(raw: string, recipients: readonly string[]): Mail {
  const [head = '', body = ''] = halves(raw)
  const headers = headersOf(head)
  const boundary = /boundary="?([^";]+)"?/.exec(headers.get('content-type')?.[0] ?? '')?.[1]
  const parts = boundary === undefined ? [raw] : body.split(`--${boundary}`)
  const part = (type: string): string => {
    const found = parts.map(halves).find(([top = '']) => headersOf(top).get('content-type')?.[0]?.startsWith(type))
    return found === undefined ? '' : decoded(found[1] ?? '', headersOf(found[0] ?? ''))
  }
  return { recipients, headers, text: part('text/plain'), html: part('text/html'), raw }
}

function halves(text: string): readonly string[] {
  const trimmed = text.replace(/^\r\n/, '')
  const at = trimmed.indexOf('\r\n\r\n')
  return at < 0 ? [trimmed] : [trimmed.slice(0, at), trimmed.slice(at + 4)]
}

function headersOf(head: string): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>()
  for (const line of head.replace(/\r\n[ \t]+/g, ' ').split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon < 0) continue
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), wordsIn(line.slice(colon + 1).trim())])
  }
  return headers
}

/** RFC 2047: words of a header that are not ASCII. */
function wordsIn(value: string): string {
  return value
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_all, kind: string, text: string) =>
      kind.toLowerCase() === 'b' ? Buffer.from(text, 'base64').toString() : unquoted(text.replaceAll('_', ' ')),
    )
}

function decoded(body: string, headers: ReadonlyMap<string, readonly string[]>): string {
  const encoding = headers.get('content-transfer-encoding')?.[0]
  const text =
    encoding === 'base64'
      ? Buffer.from(body, 'base64').toString()
      : encoding === 'quoted-printable'
        ? unquoted(body.replace(/=\r\n/g, ''))
        : Buffer.from(body, 'latin1').toString()
  return text.replaceAll('\r\n', '\n')
}

function unquoted(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
