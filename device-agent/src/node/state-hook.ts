// `--on-state COMMAND`: another program follows the screen, an LCD, a lamp, a voice. It gets the state in its environment
// and on stdin, one run at a time; a state that came and went meanwhile is never told. No secret goes there: what can be
// passed on is what screen-state.ts lets through.
import { spawn } from 'node:child_process'
import { type Host, systemHost } from '@latchkey/shared'
import type { ScreenSource } from '../kiosk/screen.ts'
import { type ScreenData, screenData } from '../kiosk/screen-data.ts'
import { spokenCode } from './spoken-code.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** One run of the command. */
export interface HookRun {
  /** Resolves when the command has ended: undefined when all is well, else why not. Never rejects. */
  readonly ended: Promise<string | undefined>
  kill(signal: 'SIGTERM' | 'SIGKILL'): void
}

export type StartHook = (command: string, env: Environment, input: string) => HookRun

export interface StateHookOptions {
  readonly screen: ScreenSource
  /** For the shell. Nothing is ever put into it. */
  readonly command: string
  /** What the command inherits; the agent's own settings and systemd's handles are taken out. */
  readonly env: Environment
  /** Told of the first of several failures in a row. */
  readonly onTrouble: (message: string) => void
  /** 10 unless said. */
  readonly limitSeconds?: number | undefined
  readonly host?: Host | undefined
  readonly start?: StartHook | undefined
}

export interface StateHook {
  start(): void
  /** Ends the run that is on, and resolves when it has ended. */
  stop(): Promise<void>
}

/** Between asking a command to end and making it. */
const GRACE_MS = 1_000

export function stateHook(options: StateHookOptions): StateHook {
  const { screen, command, host = systemHost, limitSeconds = 10, start = startShell, onTrouble } = options
  const inherited = inheritable(options.env)
  let isDue = false
  let isFailing = false
  let working: Promise<void> | undefined
  let stopping = new AbortController()

  const runOnce = async (): Promise<void> => {
    const data = screenData(screen.current(), host.clock.monotonic())
    const run = start(command, { ...inherited, ...hookEnvironment(data) }, `${JSON.stringify(data)}\n`)
    const over = new AbortController()
    const ended = run.ended.finally(() => over.abort())
    let tookTooLong = false
    const limit = async () => {
      await host.sleep(limitSeconds * 1000, AbortSignal.any([over.signal, stopping.signal])).catch(() => undefined)
      if (over.signal.aborted) return
      tookTooLong = !stopping.signal.aborted
      run.kill('SIGTERM')
      await host.sleep(GRACE_MS, over.signal)
      run.kill('SIGKILL')
    }
    limit().catch(() => undefined)
    const failure = await ended
    if (stopping.signal.aborted) return
    const trouble = tookTooLong ? `took longer than ${limitSeconds} s and was ended` : failure
    if (trouble !== undefined && !isFailing) onTrouble(`The --on-state command ${trouble}.`)
    isFailing = trouble !== undefined
  }
  const work = async (): Promise<void> => {
    while (isDue && !stopping.signal.aborted) {
      isDue = false
      await runOnce()
    }
    working = undefined
  }
  const change = () => {
    isDue = true
    working ??= work()
  }
  return {
    start() {
      stopping = new AbortController()
      const unfollow = screen.follow(change)
      stopping.signal.addEventListener('abort', unfollow)
      change()
    },
    async stop() {
      stopping.abort()
      await working
    },
  }
}

/** The state as variables: absent where there is nothing to say. */
function hookEnvironment(data: ScreenData): Environment {
  const { user_code: code } = data
  return {
    LATCHKEY_STATE: data.state,
    LATCHKEY_USER_CODE: code,
    LATCHKEY_SPOKEN_CODE: code === undefined ? undefined : spokenCode(code, 'words'),
    LATCHKEY_VERIFICATION_URI: data.verification_uri,
    LATCHKEY_VERIFICATION_URI_COMPLETE: data.verification_uri_complete,
    LATCHKEY_EXPIRES_IN: data.expires_in?.toString(),
    LATCHKEY_OPENED: data.opened === true ? '1' : undefined,
    LATCHKEY_NUMBER: data.number,
    LATCHKEY_NAME: data.name,
    LATCHKEY_MESSAGE: data.message,
    LATCHKEY_RETRY_IN: data.retry_in?.toString(),
  }
}

// STO-06: a client secret may stand in the agent's environment, and a folder of systemd credentials be named there.
function inheritable(env: Environment): Environment {
  const own = /^(LATCHKEY_|CREDENTIALS_DIRECTORY$|NOTIFY_SOCKET$|WATCHDOG_|LISTEN_)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)))
}

/** A group of its own, so that what the command started ends with it. */
function startShell(command: string, env: Environment, input: string): HookRun {
  const child = spawn(command, { shell: true, detached: true, env, stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`))
    child.once('exit', (code, signal) => {
      if (code === 0) resolve(undefined)
      else resolve(code === null ? `was ended by ${signal}` : `failed with exit code ${code}`)
    })
  })
  // A command that does not read is no failure.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  return {
    ended,
    kill(signal) {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal)
      } catch {
        // It has ended in the meantime.
      }
    },
  }
}
