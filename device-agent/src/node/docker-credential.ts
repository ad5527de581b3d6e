// `latchkey-agent docker-credential`: the protocol of docker's credential helpers
// (github.com/docker/docker-credential-helpers). What goes wrong is said on stdout, because there docker reads it.
import { isSafeAddress } from '../core/client.ts'
import { AgentError } from '../core/errors.ts'
import { checkedUsername, obtainPassword } from './password.ts'
import { type ProgramIo, type ProgramOptions, readInput } from './program-io.ts'

export interface DockerCredentialOptions extends ProgramOptions {
  /** `get`, `store`, `erase` or `list`. */
  readonly operation: string
  /** The one registry that gets tokens: `registry.example.com`, with its port if that is another than the usual. */
  readonly registry: string
  readonly username?: string
}

const DEFAULT_USERNAME = 'oauth2'
/** Docker compares the text, and goes on without credentials when it is this one. */
const NOT_FOUND = 'credentials not found in native keychain'

/** Answers one call of docker: 0, or 1 with one sentence on stdout. */
export async function dockerCredential(io: ProgramIo, options: DockerCredentialOptions): Promise<number> {
  const say = (text: string) => io.stdout.write(`${text}\n`)
  try {
    const username = checkedUsername(options.username ?? DEFAULT_USERNAME)
    switch (options.operation) {
      case 'get':
        return await get(io, options, username)
      case 'list':
        say(JSON.stringify({ [`https://${options.registry}`]: username }))
        return 0
      case 'erase':
        // `docker logout`: nothing of docker's is kept here, and the link is not docker's to end.
        return 0
      case 'store':
        say('This helper gives out the tokens of the linked device and keeps nothing else: no docker login is needed.')
        return 1
      default:
        throw new AgentError('usage', 'docker-credential takes get, store, erase or list.')
    }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    say(error.message)
    return 1
  }
}

async function get(io: ProgramIo, options: DockerCredentialOptions, username: string): Promise<number> {
  const asked = (await readInput(io)).trim()
  if (!isRegistry(asked, options.registry)) {
    io.stdout.write(`${NOT_FOUND}\n`)
    return 1
  }
  const { token } = await obtainPassword(io, options)
  io.stdout.write(`${JSON.stringify({ ServerURL: asked, Username: username, Secret: token })}\n`)
  return 0
}

/** Docker names a registry with or without scheme and path. */
function isRegistry(asked: string, registry: string): boolean {
  const url = /^https?:\/\//i.test(asked) ? asked : `https://${asked}`
  return isSafeAddress(url) && new URL(url).host === hostOf(registry)
}

function hostOf(registry: string): string {
  if (!/^[\w.:[\]-]+$/.test(registry) || !URL.canParse(`https://${registry}`)) {
    throw new AgentError('usage', 'The registry is a host, such as registry.example.com.')
  }
  return new URL(`https://${registry}`).host
}
