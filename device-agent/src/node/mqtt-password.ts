// `latchkey-agent mqtt-password`: an access token for the password field of an MQTT CONNECT (MQTT 3.1.1 §3.1.3.5). Whether
// the broker takes it as one is the broker's business.
import { AgentError } from '../core/errors.ts'
import { checkedUsername, obtainPassword } from './password.ts'
import type { ProgramIo, ProgramOptions } from './program-io.ts'

export interface MqttPasswordOptions extends ProgramOptions {
  /** Printed along, as lines of a configuration file of `mosquitto_pub` and `mosquitto_sub`. */
  readonly username?: string
}

// MQTT 3.1.1 §1.5.3: a length of two bytes.
const LONGEST_PASSWORD = 65_535

/**
 * Writes one line with the password, or with a username the two lines `-u` and `-P`. @throws AgentError as `obtainPassword`
 */
export async function mqttPassword(io: ProgramIo, options: MqttPasswordOptions): Promise<number> {
  const { token } = await obtainPassword(io, options)
  if (token.length > LONGEST_PASSWORD) throw new AgentError('refused', 'The token is longer than an MQTT password.')
  const { username } = options
  io.stdout.write(username === undefined ? `${token}\n` : `-u ${checkedUsername(username)}\n-P ${token}\n`)
  return 0
}
