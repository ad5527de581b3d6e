// The element's inside: one set of nodes, made once and changed in place. What to show is link-state.ts, in which words
// words.ts, how it looks link-style.ts.
import type { LinkElementState, ShownCode } from './link-state.ts'
import { letterGroups, minutesAndSeconds, shortAddress } from './link-state.ts'
import { STYLE } from './link-style.ts'
import { qrPicture, svg } from './qr-picture.ts'
import type { LinkWords } from './words.ts'

const RING = 100

export interface LinkView {
  show(state: LinkElementState, words: LinkWords, monotonicNow: number): void
  /** Redraws what passes with time. */
  tick(state: LinkElementState, words: LinkWords, monotonicNow: number): void
}

/** Fills `root`; `onPress` hears the one button. */
export function linkView(root: ShadowRoot, onPress: () => void): LinkView {
  dress(root)
  const title = part('h2', 'title')
  const line = part('p', 'line')
  const address = part('strong', 'address')
  const ask = part('p', 'line')
  const code = part('p', 'code')
  const status = part('p', 'status')
  const note = part('p', 'note')
  const button = part('button', 'button')
  const qr = part('div', 'qr')
  const number = part('p', 'number')
  const time = part('div', 'time')
  const timeText = document.createElement('span')
  const ring = circle()
  const square = part('div', 'square')
  const words = part('div', 'words')
  const card = part('div', 'card')

  const ringPicture = svg('svg', { viewBox: '0 0 36 36', 'aria-hidden': 'true' })
  ringPicture.append(circle(), ring)
  ring.setAttribute('stroke-dasharray', String(RING))
  time.append(ringPicture, timeText)
  // The whole news is in title and status; the seconds would never stop talking.
  status.setAttribute('role', 'status')
  button.type = 'button'
  button.addEventListener('click', onPress)
  square.append(qr, number, time)
  words.append(title, line, ask, code, status, button, note)
  card.append(words, square)
  root.append(card)

  // The status says it, in a sentence.
  number.setAttribute('aria-hidden', 'true')

  let drawn: ShownCode | undefined
  let lifeMs = 1

  function show(state: LinkElementState, say: LinkWords, now: number): void {
    const shown = 'code' in state ? state.code : undefined
    if (shown !== drawn) draw(shown, say, now)
    drawn = shown
    // It comes later than the code, and takes the place of the square and of the way there.
    const digits = shown?.number ?? ''
    put(number, digits)
    if (digits) for (const gone of [qr, line, ask]) gone.hidden = true
    card.classList.toggle('opened', state.kind === 'opened')
    const { heading, text, press } = sayings(state, say)
    put(title, heading)
    put(status, text ?? '')
    put(button, press ?? '')
    put(note, noteFor(state, say))
    tick(state, say, now)
  }

  /** The code leaves the screen with its request: nothing of it stays in the document. */
  function draw(shown: ShownCode | undefined, say: LinkWords, now: number): void {
    const complete = shown?.verificationUriComplete
    const short = shown && shortAddress(shown.verificationUri)
    const picture = complete === undefined ? undefined : qrPicture(complete, say.square(shortAddress(complete)))
    fill(qr, picture ? [picture] : [])
    qr.hidden = !picture
    square.hidden = !shown
    card.classList.toggle('alone', !picture)
    put(line, shown ? `${picture ? say.scanOrOpen : say.open} ` : '')
    if (short !== undefined) {
      address.textContent = short
      line.append(address)
    }
    put(ask, shown ? (picture ? say.check : say.enter) : '')
    const groups = shown ? letterGroups(shown.userCode) : []
    code.hidden = !shown
    fill(
      code,
      groups.map((group) => Object.assign(document.createElement('span'), { textContent: group })),
    )
    // Read letter by letter, and not as a word.
    code.setAttribute('role', 'img')
    code.setAttribute('aria-label', say.code(groups.map((group) => [...group].join(' ')).join(', ')))
    lifeMs = Math.max(1, (shown?.expiresAtMonotonic ?? 0) - now)
  }

  function tick(state: LinkElementState, say: LinkWords, now: number): void {
    if (!('code' in state)) return
    const leftMs = Math.max(0, state.code.expiresAtMonotonic - now)
    timeText.textContent = say.timeLeft(minutesAndSeconds(leftMs / 1000))
    ring.setAttribute('stroke-dashoffset', String(RING * (1 - leftMs / lifeMs)))
    if (state.kind === 'retrying') {
      const seconds = Math.max(0, Math.ceil((state.retryAtMonotonic - now) / 1000))
      put(status, say.noNetwork(seconds))
    }
  }

  return { show, tick }
}

interface Sayings {
  readonly heading: string
  readonly text?: string
  readonly press?: string
}

function sayings(state: LinkElementState, say: LinkWords): Sayings {
  switch (state.kind) {
    case 'idle':
      return { heading: say.linkTitle, press: say.start }
    case 'asking':
      return { heading: say.linkTitle, text: say.asking }
    case 'waiting':
    case 'retrying':
      return { heading: say.linkTitle }
    case 'opened':
      return { heading: say.openedTitle, text: state.code.number ? say.tap(state.code.number) : say.opened }
    case 'linked':
      return { heading: say.linkedTitle(state.linked.subject?.name), text: say.linked }
    case 'expired':
      return { heading: say.expiredTitle, text: say.expired, press: say.newCode }
    case 'denied':
      return { heading: say.deniedTitle, text: say.denied, press: say.tryAgain }
    case 'failed':
      return failure(state.error.reason, state.error.message, say)
  }
}

function failure(reason: string, message: string, say: LinkWords): Sayings {
  const press = say.tryAgain
  if (reason === 'unreachable') return { heading: say.unreachableTitle, text: say.unreachable, press }
  if (reason === 'lost_approval') return { heading: say.lostTitle, text: say.lost, press }
  if (reason === 'refused' && !isSecureContext) return { heading: say.failedTitle, text: say.unsafePage, press }
  return { heading: say.failedTitle, text: message, press }
}

function noteFor(state: LinkElementState, say: LinkWords): string {
  if (state.kind !== 'linked') return ''
  const { bound, keeping } = state.protection
  return [...(bound ? [] : [say.unbound]), ...(keeping === 'keeps' ? [] : [say.forgets])].join(' ')
}

function part<N extends keyof HTMLElementTagNameMap>(tag: N, name: string): HTMLElementTagNameMap[N] {
  const element = document.createElement(tag)
  element.className = name
  element.setAttribute('part', name)
  return element
}

/** An element without words takes no room. */
function put(element: HTMLElement, words: string): void {
  if (element.textContent !== words) element.textContent = words
  element.hidden = words === ''
}

/** `replaceChildren`, which TVs of 2021 lack. */
function fill(element: HTMLElement, children: readonly Node[]): void {
  element.textContent = ''
  element.append(...children)
}

function circle(): SVGCircleElement {
  return svg('circle', { cx: '18', cy: '18', r: '15.9155' })
}

function dress(root: ShadowRoot): void {
  // A page's Content-Security-Policy stops <style>, but no sheet that a script has made.
  if ('adoptedStyleSheets' in root && 'replaceSync' in CSSStyleSheet.prototype) {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(STYLE)
    root.adoptedStyleSheets = [sheet]
  } else {
    root.append(Object.assign(document.createElement('style'), { textContent: STYLE }))
  }
}
