// An access token as a password, for programs that have a field for nothing else: git, docker, MQTT. A password is sent
// as it is, so it cannot be one that needs a proof beside it.
import { AgentError } from '../core/errors.ts'
import type { ProgramIo, ProgramOptions } from './program-io.ts'
import { type GivenToken, obtainToken } from './token-client.ts'

const BOUND =
  'The token of this device works only with a proof by its key beside it (DPoP), which a password cannot carry. ' +
  'Put latchkey-agent proxy in front of the server, or have the server issue this client tokens without a key.'

/** @throws AgentError `refused` for a token that is bound to the device's key; else as `DeviceAgent.accessToken` */
export async function obtainPassword(io: ProgramIo, options: ProgramOptions, rejected?: string): Promise<GivenToken> {
  const given = await obtainToken(io, options, rejected)
  if (given.tokenType === 'DPoP') throw new AgentError('refused', BOUND)
  // The protocols of the helpers are lines: a line feed would begin another statement.
  if (!/^[\x21-\x7e]+$/.test(given.token)) throw new AgentError('untrusted', 'The token cannot be a password.')
  return given
}

/** @throws AgentError `usage` for a name that would break the line it stands on */
export function checkedUsername(username: string): string {
  if (/^[\x20-\x7e]+$/.test(username)) return username
  throw new AgentError('usage', 'The username must be printable ASCII.')
}
