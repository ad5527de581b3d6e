// Keeps an open page true: the time that is left runs down, and what happens meanwhile is said in its place. Every
// sentence is the server's, in the page or in a template beside it. Without this script, and whenever nothing can be
// heard, the page says what it said when it was fetched. How it listens is line.ts.
import { PAGE_EVENTS_PROTOCOL, type PageNews } from '../page-news.ts'
import { duration } from '../time.ts'
import { stayConnected } from './line.ts'

const LAST_MINUTE_SECONDS = 60
/** By then the server has said that it is over, where it can be heard. */
const OVERDUE_SECONDS = -2
const RENEWED = 'latchkey-renewed'
const RENEW_AGAIN_MS = 10_000

const voice = document.querySelector<HTMLElement>('[data-live]')
if (voice !== null) keepTrue(voice)

/** `voice` is read to who cannot see the page, and carries what this script has to know. */
function keepTrue(voice: HTMLElement): void {
  const { live: shown, events = '', seconds, tag } = voice.dataset
  const asFetched = newsPlace()
  let endsAt = Date.now() + Number(seconds) * 1000
  let isLastMinute = Number(seconds) < LAST_MINUTE_SECONDS
  // Its own answer is told to this page as well, while it waits for the next one.
  let isLeaving = false
  document.addEventListener('submit', () => {
    isLeaving = true
  })

  if (seconds !== undefined) setInterval(tick, 1000)
  const address = new URL(events, location.href)
  address.protocol = address.protocol.replace('http', 'ws')
  stayConnected(address.href, PAGE_EVENTS_PROTOCOL, {
    hear(text) {
      const { event, expires_in }: PageNews = JSON.parse(text)
      if (isLeaving) return
      if (event !== shown) {
        if (show(event)) say()
        else renew()
      } else if (expires_in !== undefined) endsAt = Date.now() + expires_in * 1000
      else show('waiting')
    },
    // Nobody tells this page of the device any more: so it must not promise to.
    lose: () => shown === 'approved' && place(asFetched),
  })

  function tick(): void {
    const left = Math.floor((endsAt - Date.now()) / 1000)
    const begins = left < LAST_MINUTE_SECONDS && !isLastMinute
    if (begins) show('last-minute')
    for (const place of document.querySelectorAll('[data-time]'))
      place.textContent = duration(tag ?? 'en', left, 'down')
    // Once: the seconds would never stop talking.
    if (begins) say()
    isLastMinute ||= begins
    if (left <= OVERDUE_SECONDS) renew()
  }

  function say(): void {
    const news = newsPlace()
    voice.textContent = (news?.querySelector('h1') ?? news)?.textContent ?? ''
  }
}

function newsPlace(): HTMLElement | null {
  return document.querySelector<HTMLElement>('[data-news]')
}

/** No lower than what was there before: what somebody is about to tap does not jump away. */
function place(news: Element | null | undefined): void {
  const before = newsPlace()
  const fresh = news?.cloneNode(true)
  if (before === null || !(fresh instanceof HTMLElement)) return
  fresh.style.minHeight = `${before.offsetHeight}px`
  before.replaceWith(fresh)
}

/** Puts what the page has ready under this name in its place. Returns whether there was something. */
function show(name: string): boolean {
  const template = document.querySelector<HTMLTemplateElement>(`template[data-for="${name}"]`)
  if (template === null) return false
  place(template.content.firstElementChild)
  const { title, next } = template.dataset
  if (title !== undefined) document.title = title
  const link = document.querySelector('[data-next]')
  if (link !== null && next !== undefined) link.textContent = next
  return true
}

/** Fetches the page as it is now; not twice in a row, whatever goes wrong. */
function renew(): void {
  if (Date.now() - Number(sessionStorage.getItem(RENEWED)) < RENEW_AGAIN_MS) return
  sessionStorage.setItem(RENEWED, String(Date.now()))
  location.replace(location.pathname)
}
