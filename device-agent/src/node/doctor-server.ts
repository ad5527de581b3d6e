// What the doctor finds on the way to the server, one step after the other: name, connection, certificate, metadata, push.
// A step that fails is the last one: what lies behind it cannot be seen.
import { isIP } from 'node:net'
import { DEVICE_EVENTS_PROTOCOL } from '@latchkey/shared'
import { discover, type Metadata } from '../core/client.ts'
import { AgentError } from '../core/errors.ts'
import { type Finding, fail, ok, type Probes, warn } from './doctor-findings.ts'
import { errorCode } from './file-system.ts'

const PUSH_MS = 10_000
const FAR_AWAY = 6

export interface ServerLook {
  readonly findings: readonly Finding[]
  /** How far the server's clock is ahead of ours, milliseconds; undefined when it did not say. */
  readonly serverAheadMs: number | undefined
}

/** `isDirect` is false where a proxy is between, which looks up names and connects for us. */
export async function lookAtServer(probes: Probes, issuer: string, isDirect: boolean): Promise<ServerLook> {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) {
    const finding = fail('server', `${issuer} is no address of a server.`, 'name it as --issuer https://id.example.com')
    return { findings: [finding], serverAheadMs: undefined }
  }
  const findings: Finding[] = []
  for (const step of isDirect ? [nameStep, connectionStep, certificateStep] : []) {
    const finding = await step(probes, url)
    if (finding) findings.push(finding)
    if (finding?.level === 'fail') return { findings, serverAheadMs: undefined }
  }
  let serverAheadMs: number | undefined
  const fetch: Probes['fetch'] = async (address, init) => {
    const answer = await probes.fetch(address, init)
    const date = Date.parse(answer.headers.get('date') ?? '')
    if (!Number.isNaN(date)) serverAheadMs = date - probes.host.clock.now()
    return answer
  }
  try {
    const { clock, sleep } = probes.host
    const host = { clock, sleep, entropy: (size: number) => crypto.getRandomValues(new Uint8Array(size)) }
    const metadata = await discover({ fetch, host }, issuer)
    findings.push(serverFinding(metadata))
    if (metadata.device_events_endpoint !== undefined) {
      findings.push(await pushStep(probes, metadata.device_events_endpoint))
    }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    findings.push(refusal(error, issuer))
  }
  return { findings, serverAheadMs }
}

async function nameStep(probes: Probes, url: URL): Promise<Finding | undefined> {
  const name = bare(url.hostname)
  if (isIP(name) !== 0) return undefined
  try {
    const addresses = await probes.lookUp(name)
    return ok('dns', `${name} is ${addresses.join(', ')}`)
  } catch (error) {
    if (errorCode(error) === 'ENOTFOUND') {
      return fail(
        'dns',
        `There is no name ${name}.`,
        'look for a typing error in the issuer, or for a network without internet',
        FAR_AWAY,
      )
    }
    const mend = 'look for the network: ip address; resolvectl status'
    return fail('dns', `Names cannot be looked up (${errorCode(error) ?? 'unknown'}).`, mend, FAR_AWAY)
  }
}

async function connectionStep(probes: Probes, url: URL): Promise<Finding> {
  const name = bare(url.hostname)
  const port = portOf(url)
  try {
    await probes.connect(name, port)
    return ok('tcp', `${name} answers on port ${port}`)
  } catch (error) {
    const code = errorCode(error) ?? 'unknown'
    if (code === 'ECONNREFUSED') {
      return fail(
        'tcp',
        `Nothing listens on port ${port} of ${name}.`,
        'start the server, or mend the port in the issuer',
        FAR_AWAY,
      )
    }
    if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH') {
      return fail(
        'tcp',
        `There is no way to ${name} (${code}).`,
        'look for the network: ip address; ip route',
        FAR_AWAY,
      )
    }
    return fail(
      'tcp',
      `${name} does not answer on port ${port} (${code}).`,
      'let the firewall pass it: outgoing, this port',
      FAR_AWAY,
    )
  }
}

async function certificateStep(probes: Probes, url: URL): Promise<Finding | undefined> {
  if (url.protocol !== 'https:') return undefined
  const name = bare(url.hostname)
  try {
    await probes.shakeHands(name, portOf(url))
    return ok('tls', `the certificate of ${name} is good`)
  } catch (error) {
    const code = errorCode(error) ?? 'unknown'
    const [says, mend] = certificateTrouble(name, code)
    return fail('tls', `${says} (${code}).`, mend, FAR_AWAY)
  }
}

const OWN_AUTHORITY =
  'for an authority of your own: NODE_EXTRA_CA_CERTS=/path/to/ca.pem. For one that the system knows (package ca-certificates): NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt'

function certificateTrouble(name: string, code: string): readonly [says: string, mend: string] {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return [`The certificate of ${name} has expired`, 'renew it on the server; or is the clock of this device wrong?']
    case 'CERT_NOT_YET_VALID':
      return [
        `The certificate of ${name} is not valid yet`,
        'set the clock of this device: sudo timedatectl set-ntp true',
      ]
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return [
        `The certificate there is not for ${name}`,
        'use the name that is in the certificate, or a certificate with this name',
      ]
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return [`The certificate of ${name} is by an authority that this device does not know`, OWN_AUTHORITY]
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return [
        `${name} does not send its whole chain, or its authority is unknown here`,
        `on the server: the full chain. Or ${OWN_AUTHORITY}`,
      ]
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return [`${name} does not speak TLS on this port`, 'mend the port, or put TLS before the server']
    default:
      return [
        `No trusted connection to ${name}`,
        'look for something in between that opens connections, such as a captive portal',
      ]
  }
}

function serverFinding(metadata: Metadata): Finding {
  const { issuer, device_authorization_endpoint: endpoint } = metadata
  return endpoint === undefined
    ? fail('server', `${issuer} does not link devices.`, 'use a server with the device grant (RFC 8628)')
    : ok('server', `${issuer} links devices`)
}

function refusal(error: AgentError, issuer: string): Finding {
  if (error.reason === 'unreachable') {
    return fail('server', error.message, 'wait and try again; the log of the server knows more', FAR_AWAY)
  }
  if (error.reason === 'usage') return fail('server', error.message, 'use the https address of the server')
  const named = /calls itself (\S+):/.exec(error.message)?.[1]
  const mend =
    named === undefined || named === 'nothing'
      ? `look at ${new URL(issuer).origin}/.well-known/oauth-authorization-server in a browser: is this the server?`
      : `link with the very name it uses, if that is the server you mean: --issuer ${named}`
  return fail('server', error.message, mend)
}

async function pushStep(probes: Probes, endpoint: string): Promise<Finding> {
  const stop = new AbortController()
  const isOpen = await new Promise<boolean>((resolve) => {
    probes.host.sleep(PUSH_MS, stop.signal).then(
      () => resolve(false),
      () => undefined,
    )
    try {
      const socket = probes.sockets(endpoint, DEVICE_EVENTS_PROTOCOL, {
        opened: () => {
          socket.close()
          resolve(true)
        },
        heard: () => undefined,
        beat: () => undefined,
        closed: () => resolve(false),
      })
    } catch {
      resolve(false)
    }
  })
  stop.abort()
  if (isOpen) return ok('push', 'news of an approval comes at once')
  const mend = 'let WebSockets through: the proxy before the server has to pass Upgrade on'
  return warn('push', `${new URL(endpoint).host} opens no WebSocket; the agent asks every few seconds instead.`, mend)
}

/** Without the brackets of an IPv6 address. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80))
}
