// `latchkey-agent enrol`: shows a code, and says who the device became. What happens in between is core/enrolment.ts.
import type { LinkState } from '../core/agent.ts'
import { Enrolment } from '../core/enrolment.ts'
import { enrolmentFile } from '../node/enrolment-file.ts'
import { packageVersion } from '../node/package-version.ts'
import { terminalScreen } from '../node/terminal-screen.ts'
import { type AgentIo, type CommonOptions, placeOf } from './agent-io.ts'

export interface EnrolOptions extends CommonOptions {
  readonly issuer: string
  readonly clientId: string
  readonly name?: string
  readonly json?: boolean
  readonly showsNumber?: boolean
}

/** `eventData` is what a script may know of a state. @throws AgentError */
export async function enrol(
  io: AgentIo,
  options: EnrolOptions,
  eventData: (state: LinkState) => object,
): Promise<void> {
  const { issuer, clientId, name } = options
  const { host, fetch, sockets, signal } = io
  const enrolment = new Enrolment({ issuer, ...enrolmentFile(placeOf(io, options)), host, fetch, sockets })
  const screen = terminalScreen({ terminal: io.stderr, env: io.env, host })
  const write = (event: object) => io.stdout.write(`${JSON.stringify(event)}\n`)
  try {
    const device = { name, software: `latchkey-agent ${packageVersion()}` }
    const onState = options.json ? (state: LinkState) => write(eventData(state)) : screen.show
    const showsNumber = !options.json || options.showsNumber
    const enrolled = await enrolment.enrol({ clientId, device, showsNumber, signal, onState })
    if (options.json) write({ event: 'enrolled', issuer, client_id: enrolled.clientId })
    else io.stdout.write(`${enrolled.clientId}\n`)
  } finally {
    screen.close()
  }
}
