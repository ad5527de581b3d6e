// Where an answer may be sent: exact strings, with the one freedom that native apps need (RFC 9700 §2.1, RFC 8252 §7.3).

const LOOPBACK_ADDRESSES = ['127.0.0.1', '[::1]']
// A private scheme belongs to a domain's owner, so it has a dot (RFC 8252 §7.1).
const PRIVATE_SCHEME = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:\/{0,2}[^/]/i

/** https, http on loopback, or a private scheme with a dot; no fragment, no wildcard (RFC 6749 §3.1.2). */
export function isRegistrableRedirectUri(uri: string): boolean {
  if (!URL.canParse(uri) || /[#*\s\\]/.test(uri)) return false
  const { protocol, hostname, username, password } = new URL(uri)
  if (username !== '' || password !== '') return false
  if (protocol === 'https:') return hostname !== ''
  if (protocol === 'http:') return LOOPBACK_ADDRESSES.includes(hostname) || hostname === 'localhost'
  return PRIVATE_SCHEME.test(uri)
}

/**
 * Equal byte for byte; only the port may vary, for the two loopback addresses, because a native app takes the one it
 * gets. The name localhost has that freedom only where it was registered without a port.
 */
export function redirectUriMatches(registered: string, requested: string): boolean {
  if (registered === requested) return true
  if (!registered.startsWith('http://') || !requested.startsWith('http://')) return false
  const wanted = splitPort(registered)
  const given = splitPort(requested)
  if (wanted === undefined || given === undefined || wanted.host !== given.host || wanted.rest !== given.rest)
    return false
  return LOOPBACK_ADDRESSES.includes(wanted.host) || (wanted.host === 'localhost' && wanted.port === '')
}

/** Taken apart as text, never through a parser that repairs: `http://127.0.0.1:1234/cb` → its host, port and the rest. */
function splitPort(uri: string): { host: string; port: string; rest: string } | undefined {
  const [, host, port = '', rest = ''] =
    /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::(\d{1,5}))?((?:[/?].*)?)$/.exec(uri) ?? []
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port, rest }
}

/** An app on the person's own machine: nobody can prove that it is the one it says it is (RFC 8252 §8.6). */
export function isNativeRedirectUri(uri: string): boolean {
  return !uri.startsWith('https:')
}
