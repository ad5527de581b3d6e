// Asking for a token as any program on this device may: the daemon's socket first, and when no daemon runs, the files, for
// whoever may read them. The other end of the socket is token-socket.ts.
import { connect } from 'node:net'
import { isJsonObject } from '@latchkey/shared'
import type { TokenType } from '../core/credentials.ts'
import { AgentError } from '../core/errors.ts'
import { errorCode } from './file-system.ts'
import type { ProgramIo, ProgramOptions } from './program-io.ts'
import { tokenSocketPlaces } from './socket-place.ts'
import type { TokenRequest } from './token-request.ts'

const LARGEST_ANSWER_BYTES = 65_536

export interface GivenToken {
  readonly token: string
  readonly tokenType: TokenType
  /** Undefined when the server did not say. */
  readonly secondsLeft: number | undefined
}

/**
 * Asks the agent that listens at `path`. Undefined when nobody does, or it is not for us. The answer is what the agent
 * said, an error among it (see `TokenAnswer`); a line that is no JSON object counts as cut.
 *
 * @throws AgentError `unreachable` when the connection is cut; the signal's reason when it aborts
 */
export function askTokenSocket(
  path: string,
  request: TokenRequest,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const socket = connect({ path }, () => socket.write(`${JSON.stringify(request)}\n`))
    const onAbort = () => socket.destroy(new Error('aborted'))
    signal?.addEventListener('abort', onAbort, { once: true })
    const chunks: Uint8Array[] = []
    let size = 0
    let failure: string | undefined
    socket.on('data', (chunk) => {
      const bytes = Buffer.from(chunk)
      chunks.push(bytes)
      size += bytes.byteLength
      if (bytes.includes(0x0a) || size > LARGEST_ANSWER_BYTES) socket.destroy()
    })
    socket.on('error', (error) => {
      failure = errorCode(error)
    })
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      signal?.removeEventListener('abort', onAbort)
      if (signal?.aborted) return reject(signal.reason)
      const answer = parse(Buffer.concat(chunks).toString('utf8'))
      const nobody = ['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'EACCES', 'ENOTSOCK'].includes(failure ?? '')
      if (answer !== undefined || nobody) return resolve(answer)
      reject(new AgentError('unreachable', `The agent at ${path} gave no answer.`))
    })
  })
}

/**
 * A token, from the daemon when one runs that hands such out, else from the files. The daemon is not asked when a state
 * directory was named and no socket: it may be of another link. `rejected` is one that has just been refused somewhere.
 *
 * @throws AgentError as `DeviceAgent.accessToken`
 */
export async function obtainToken(io: ProgramIo, options: ProgramOptions, rejected?: string): Promise<GivenToken> {
  const { resource } = options
  const wish = { ...(resource === undefined ? {} : { resource }), ...(rejected === undefined ? {} : { rejected }) }
  for (const path of placesToAsk(io, options)) {
    const answer = await askTokenSocket(path, wish, io.signal)
    const given = answer && readAnswer(answer)
    if (given) return given
  }
  const agent = await io.linkedAgent()
  return agent.accessToken({ ...wish, signal: io.signal })
}

/** `latchkey-agent token`: one line on stdout. */
export async function token(io: ProgramIo, options: ProgramOptions): Promise<number> {
  const given = await obtainToken(io, options)
  io.stdout.write(`${given.token}\n`)
  return 0
}

function placesToAsk({ env }: ProgramIo, { state, socket }: ProgramOptions): readonly string[] {
  const named = socket || env['LATCHKEY_AGENT_SOCKET']
  return !named && (state || env['LATCHKEY_AGENT_STATE']) ? [] : tokenSocketPlaces(socket, env)
}

const REASONS = ['unlinked', 'unreachable', 'refused'] as const

/** Undefined when the daemon hands out no such tokens. */
function readAnswer(answer: Readonly<Record<string, unknown>>): GivenToken | undefined {
  const { access_token, token_type, expires_in, error, error_description, retry_after } = answer
  if (typeof access_token === 'string' && (token_type === 'Bearer' || token_type === 'DPoP')) {
    const secondsLeft = typeof expires_in === 'number' ? expires_in : undefined
    return { token: access_token, tokenType: token_type, secondsLeft }
  }
  if (error === 'invalid_target') return undefined
  const retryAfterSeconds = typeof retry_after === 'number' ? retry_after : undefined
  const reason = error === 'busy' ? 'unreachable' : (REASONS.find((each) => each === error) ?? 'storage')
  const message = typeof error_description === 'string' ? error_description : 'The agent gave no token.'
  throw new AgentError(reason, message, { retryAfterSeconds })
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
