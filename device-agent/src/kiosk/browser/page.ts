// The script of the kiosk page: hears what to show and puts it into the document, in place. The words come from
// ../view.ts; how the square keeps whole pixels is fitting.ts, how the panel is spared burn-in.ts, the socket link.ts.
import type { PageMessage } from '../page-message.ts'
import { LOST, type Timer, type View, viewOf } from '../view.ts'
import { spareThePanel } from './burn-in.ts'
import { drawSquare, fitLine, fitWords } from './fitting.ts'
import { connect } from './link.ts'

const at = <T extends Element>(id: string, kind: new () => T): T => {
  const element = document.getElementById(id)
  if (!(element instanceof kind)) throw new Error(`no ${id}`)
  return element
}

const stage = at('stage', HTMLElement)
const words = at('words', HTMLElement)
const title = at('title', HTMLHeadingElement)
const lead = at('lead', HTMLElement)
const address = at('address', HTMLElement)
const ask = at('ask', HTMLElement)
const code = at('code', HTMLElement)
const numberAsk = at('number-ask', HTMLElement)
const digits = at('digits', HTMLElement)
const status = at('status', HTMLElement)
const ok = at('ok', HTMLButtonElement)
const timer = at('timer', HTMLElement)
const ring = at('ring', SVGCircleElement)
const count = at('count', HTMLElement)
const unit = at('unit', HTMLElement)
const square = at('square', SVGSVGElement)
const pictures = document.querySelectorAll('#picture > [data-kind]')
const announcement = at('announcement', HTMLElement)

const idle = document.documentElement.dataset['idle']
const panel = spareThePanel(document.body, stage)

let message: PageMessage | undefined
let arrivedAt = 0
let isLost = false
let shown = ''

const link = connect({
  hear(next) {
    if (message !== undefined && message.version !== next.version) return location.reload()
    message = next
    arrivedAt = performance.now()
    isLost = false
    panel.wake()
    draw()
  },
  lose() {
    isLost = true
    draw()
  },
})

setInterval(draw, 1000)
addEventListener('resize', () => {
  shown = ''
  draw()
})
addEventListener('keydown', (event) => {
  // Remote controls say OK in many ways; a focused button would take Enter for itself and press twice.
  if (event.repeat || !(event.key === 'Enter' || event.key === ' ' || event.key === 'Select')) return
  event.preventDefault()
  press()
})
ok.addEventListener('click', press)

function press(): void {
  panel.wake()
  if (!ok.hidden) link.press()
}

function draw(): void {
  const view = currentView()
  if (view === undefined) return
  drawTimer(view.timer)
  write(status, view.status)
  const next = JSON.stringify({ ...view, timer: undefined, status: view.status !== undefined, square: message?.square })
  if (next === shown) return
  shown = next
  drawWords(view)
}

function currentView(): View | undefined {
  if (isLost) return LOST
  if (message === undefined) return undefined
  const secondsSince = (performance.now() - arrivedAt) / 1000
  return viewOf(message.screen, {
    secondsSince,
    hasSquare: message.square !== undefined,
    canLink: message.canLink,
    idle,
  })
}

function drawWords(view: View): void {
  const coded = view.groups !== undefined
  stage.className = coded ? (message?.screen.opened ? 'coded opened' : 'coded') : 'plain'
  for (const picture of pictures) picture.toggleAttribute('hidden', picture.getAttribute('data-kind') !== view.picture)
  write(title, view.title)
  write(lead, view.lead)
  write(address, view.address)
  write(ask, view.ask)
  code.hidden = !coded
  code.replaceChildren(...(view.groups ?? []).map(group))
  if (coded) code.setAttribute('aria-label', message?.spoken ?? view.groups.join(' '))
  else code.removeAttribute('aria-label')
  write(numberAsk, view.number?.ask)
  write(digits, view.number?.digits)
  write(ok, view.button)
  if (!ok.hidden) ok.focus({ preventScroll: true })
  write(announcement, announcementOf(view))
  // What is no longer shown is no longer there: a screenshot or a debugger finds no old code.
  const shownSquare = view.picture === 'square' ? message?.square : undefined
  // On a small panel the address lies below both, and leaves them the rest.
  fitLine(address)
  stage.style.setProperty('--foot', `${address.offsetHeight}px`)
  drawSquare(square, shownSquare)
  fitWords(words, [title, address, code])
}

/** The number is what somebody is looking for: it comes at once, and alone. */
function announcementOf({ title, lead, address, number }: View): string {
  const parts = number === undefined ? [title, lead, address] : [`${number.ask} ${number.digits}`]
  return parts.filter((part) => part !== undefined).join('. ')
}

function drawTimer(left: Timer | undefined): void {
  timer.hidden = left === undefined
  if (left === undefined) return
  timer.classList.toggle('urgent', left.urgent)
  ring.style.strokeDashoffset = String(Math.round((1 - left.left) * 1000) / 10)
  write(count, left.number)
  write(unit, left.unit)
}

function group(letters: string): HTMLElement {
  const element = document.createElement('span')
  element.textContent = letters
  return element
}

/** Nothing to say hides the element. */
function write(element: HTMLElement, text: string | undefined): void {
  element.hidden = text === undefined
  if (element.textContent !== (text ?? '')) element.textContent = text ?? ''
}
