// The terminal as a screen of the agent: a page with one line that changes in place, or plain lines where nothing can be
// taken back (a log, a pipe). How the page looks is link-page.ts, and number-page.ts when a person elsewhere is at it.
import { type Host, systemHost } from '@latchkey/shared'
import type { Linked, LinkState } from '../core/agent.ts'
import type { LinkRequest } from '../core/link-request.ts'
import { plainText } from '../kiosk/plain-text.ts'
import { type LinkPage, linkPage, paint, type TerminalView } from './link-page.ts'
import { numberPage } from './number-page.ts'

/** A place to write; `process.stderr` is one. */
export interface Terminal {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export interface TerminalScreen {
  /** To be given to `link` as `onState`. */
  readonly show: (state: LinkState) => void
  /** Wipes what is left and gives the cursor back; harmless when there is nothing to wipe. */
  readonly close: () => void
}

type Environment = Readonly<Record<string, string | undefined>>

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const FRAME_MS = 120
const FRAMES = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏']
const PLAIN_FRAMES = [...'|/-\\']

/** What `terminal` can show, by NO_COLOR (no-color.org), TERM and the locale. */
export function terminalView(terminal: Terminal, env: Environment): TerminalView & { readonly live: boolean } {
  const live = terminal.isTTY === true && env['TERM'] !== 'dumb'
  return {
    live,
    columns: terminal.columns || 80,
    rows: terminal.rows || 24,
    colour: live && !env['NO_COLOR'],
    unicode: /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''),
  }
}

export function terminalScreen(options: {
  readonly terminal: Terminal
  readonly env: Environment
  readonly host?: Host
}): TerminalScreen {
  const view = terminalView(options.terminal, options.env)
  return view.live ? liveScreen(options.terminal, view, options.host ?? systemHost) : plainScreen(options.terminal)
}

/** Who and until when, in one line. */
export function linkedSentence(linked: Linked): string {
  const { subject, endsAt } = linked
  const name = subject?.name ?? subject?.email
  const email = subject?.name && subject.email ? ` (${subject.email})` : ''
  const until =
    endsAt === undefined ? 'until somebody unlinks it' : `until ${new Date(endsAt).toISOString().slice(0, 16)}Z`
  return plainText(`Linked${name ? ` as ${name}${email}` : ''}, ${until}`)
}

function missingSentence(linked: Linked): string | undefined {
  return linked.missingScopes.length > 0 ? plainText(`Not allowed: ${linked.missingScopes.join(' ')}`) : undefined
}

function plainScreen(terminal: Terminal): TerminalScreen {
  const say = (line: string | undefined) => line === undefined || terminal.write(`${plainText(line)}\n`)
  let introduced: LinkRequest | undefined
  let isOpened = false
  let number: string | undefined
  const introduce = (request: LinkRequest): void => {
    introduced = request
    isOpened = false
    number = undefined
    const { verificationUri, verificationUriComplete, userCode } = request
    say(`To link this device, open ${verificationUri} and enter the code ${userCode}`)
    if (verificationUriComplete) say(`Or open ${verificationUriComplete} and check that it shows the code ${userCode}`)
    say(`Waiting, for ${inWords(request.secondsLeft())}`)
  }
  const sayWaiting = (request: LinkRequest, opened: boolean): void => {
    const isNew = introduced !== request
    if (isNew) introduce(request)
    const wasOpened = isOpened
    isOpened = opened
    if (request.number !== number) {
      number = request.number
      say(`On your phone, check that it shows the code ${request.userCode}, and tap ${number}`)
    } else if (opened && !wasOpened) say('Continue on your phone')
    else if (!isNew) say(`Waiting again, for ${inWords(request.secondsLeft())}`)
  }
  return {
    close: () => undefined,
    show: (state) => {
      if (state.kind === 'waiting') sayWaiting(state.request, state.opened ?? false)
      else if (state.kind === 'retrying') say(`${state.reason} Trying again in ${Math.ceil(state.inSeconds)} s.`)
      else if (state.kind === 'linked') {
        say(linkedSentence(state.linked))
        say(missingSentence(state.linked))
      }
    },
  }
}

function liveScreen(terminal: Terminal, view: TerminalView, host: Host): TerminalScreen {
  let page: LinkPage | undefined
  /** The one that `page` shows. */
  let number: string | undefined
  let state: LinkState = { kind: 'asking' }
  let since = 0
  let frame = 0
  let ticking: AbortController | undefined

  const status = (width: number): string => {
    const spinner =
      (view.unicode ? FRAMES : PLAIN_FRAMES)[frame++ % (view.unicode ? FRAMES : PLAIN_FRAMES).length] ?? ''
    const separator = view.unicode ? ' · ' : ', '
    let words = 'asking the server'
    let style: 'dim' | 'yellow' = 'dim'
    if (state.kind === 'waiting') {
      const where = state.opened && number === undefined ? 'continue on your phone' : 'waiting'
      words = `${where}${separator}${clockFace(state.request.secondsLeft())} left`
    }
    if (state.kind === 'retrying') {
      const inSeconds = Math.max(0, Math.ceil(state.inSeconds - (host.clock.monotonic() - since) / 1000))
      words = `no answer${separator}trying again in ${inSeconds} s`
      style = 'yellow'
    }
    return `${paint(view, 'cyan', spinner)}  ${paint(view, style, words.slice(0, Math.max(0, width - 3)))}`
  }
  const draw = () => {
    const { beforeStatus, statusWidth } = page ?? { beforeStatus: '  ', statusWidth: view.columns - 3 }
    terminal.write(`\r${beforeStatus}${status(statusWidth)}\x1b[K`)
  }
  const wipe = () => {
    // The code leaves the screen when it is of no more use (RFC 8628 §5.5: what stays visible can be read over a shoulder).
    const above = page ? page.lines.length : 0
    terminal.write(`\r${above > 0 ? `\x1b[${above}A` : ''}\x1b[J`)
    page = undefined
    number = undefined
  }
  const tick = async (signal: AbortSignal) => {
    for (;;) {
      await host.sleep(FRAME_MS, signal)
      draw()
    }
  }
  const close = () => {
    if (!ticking) return
    ticking.abort()
    ticking = undefined
    wipe()
    terminal.write(SHOW_CURSOR)
  }
  return {
    close,
    show: (next) => {
      state = next
      since = host.clock.monotonic()
      if (next.kind === 'linked' || next.kind === 'failed' || next.kind === 'cancelled') {
        close()
        if (next.kind !== 'linked') return
        terminal.write(`${paint(view, 'green', view.unicode ? '✓' : '*')}  ${linkedSentence(next.linked)}\n`)
        const missing = missingSentence(next.linked)
        if (missing) terminal.write(`${paint(view, 'yellow', '!')}  ${missing}\n`)
        return
      }
      if (!ticking) {
        ticking = new AbortController()
        terminal.write(HIDE_CURSOR)
        tick(ticking.signal).catch(() => undefined)
      }
      if (next.kind === 'waiting' && (!page || next.request.number !== number)) {
        if (page) wipe()
        number = next.request.number
        page = number === undefined ? linkPage(next.request, view) : numberPage(next.request, number, view)
        terminal.write(`\r\x1b[K${page.lines.map((line) => `${line}\n`).join('')}`)
      }
      draw()
    },
  }
}

function clockFace(seconds: number): string {
  const whole = Math.ceil(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

function inWords(seconds: number): string {
  const minutes = Math.round(seconds / 60)
  return seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${minutes} minutes`
}
