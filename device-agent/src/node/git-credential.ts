// `latchkey-agent git-credential`: git asks for a password and gets an access token; git-credential(1), gitcredentials(7).
import { isSafeAddress } from '../core/client.ts'
import { AgentError } from '../core/errors.ts'
import { checkedUsername, obtainPassword } from './password.ts'
import { type ProgramIo, type ProgramOptions, readInput } from './program-io.ts'

export interface GitCredentialOptions extends ProgramOptions {
  /** `get`, `store` or `erase`; git may invent others, which mean nothing to us. */
  readonly operation: string
  /** The one server that gets tokens, with its port if that is another than the usual. */
  readonly host: string
  /** GitLab takes `oauth2`, GitHub `x-access-token`, others any. */
  readonly username?: string
}

const DEFAULT_USERNAME = 'oauth2'

/**
 * Answers one call of git. Silence means "not mine", and git asks the next helper. @throws AgentError as `obtainPassword`
 */
export async function gitCredential(io: ProgramIo, options: GitCredentialOptions): Promise<number> {
  const { operation, host } = options
  const username = checkedUsername(options.username ?? DEFAULT_USERNAME)
  const asked = readAttributes(await readInput(io))
  const scheme = asked.get('protocol')
  // git names the host as the address has it; a password goes nowhere in the clear.
  const isOurs = asked.get('host')?.toLowerCase() === host.toLowerCase() && isSafeAddress(`${scheme}://${host}/`)
  const isOther = asked.has('username') && asked.get('username') !== username
  if (!isOurs || isOther) return 0
  if (operation === 'erase') return erase(io, options, asked.get('password'))
  if (operation !== 'get') return 0
  const { token, secondsLeft } = await obtainPassword(io, options)
  const lines = [`username=${username}`, `password=${token}`]
  if (secondsLeft !== undefined) {
    lines.push(`password_expiry_utc=${Math.floor(io.host.clock.now() / 1000 + secondsLeft)}`)
  }
  io.stdout.write(`${lines.join('\n')}\n`)
  return 0
}

/** The server has refused this password: the next `get` is to bring another. */
async function erase(io: ProgramIo, options: GitCredentialOptions, password: string | undefined): Promise<number> {
  if (!password) return 0
  try {
    await obtainPassword(io, options, password)
  } catch (error) {
    // git has its own error to tell, and the next `get` will say this one.
    if (!(error instanceof AgentError)) throw error
  }
  return 0
}

function readAttributes(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''))
  const end = lines.indexOf('')
  return new Map(
    lines.slice(0, end < 0 ? lines.length : end).map((line): [string, string] => {
      const at = line.indexOf('=')
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
    }),
  )
}
