// GET /link/events: the WebSocket on which the page of a device hears what becomes of it, so that it stays true while
// somebody looks at it. Only a page of ours is let in, and it hears of the one device whose code this browser opened.
import { PAGE_EVENTS_PATH, PAGE_EVENTS_PROTOCOL, type PageNews } from '@latchkey/verifier-web'
import type { FastifyInstance } from 'fastify'
import { liveSession } from '../../accounts/sessions.ts'
import { answerableUntil } from '../../oauth/device/device-request.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { DeviceRequest, User } from '../../oauth/records.ts'
import type { Every } from '../../ops/interval.ts'
import { type PageStanding, pageSockets } from '../../push/page-sockets.ts'
import { PageProblem } from '../page-scope.ts'
import type { WebSockets } from '../web-sockets.ts'
import { secondsToAnswer } from './device-facts.ts'
import { createStanding } from './device-standing.ts'

const SWEEP_EVERY_MS = 1_000
/** Tabs of one browser. */
const MOST_PER_SESSION = 4

export function linkEventsRoute(app: FastifyInstance, provider: Provider, every: Every, webSockets: WebSockets): void {
  const { host, store, pacing } = provider
  const { origin } = new URL(provider.issuer)
  const standing = createStanding(provider)
  const sockets = pageSockets({
    news: provider.news,
    clock: host.clock,
    most: provider.limits.waitingDevices,
    mostPerSession: MOST_PER_SESSION,
  })

  app.get(PAGE_EVENTS_PATH, (request, reply) => {
    if (!webSockets.isWanted(request)) throw new PageProblem('not_found', 404)
    // A page of another site opens sockets with our cookies: no policy of theirs or ours stops it, only this.
    if (request.headers.origin !== origin) throw new PageProblem('cross_site', 403)
    const { signedIn } = request.visitor
    const requestId = signedIn?.session.openedRequestId
    if (signedIn === undefined || requestId === undefined) throw new PageProblem('not_found', 404)
    if (!webSockets.isOffered(request, PAGE_EVENTS_PROTOCOL)) throw new PageProblem('bad_request', 400)
    const { id: sessionId, cookieDigest } = signedIn.session
    if (!sockets.hasRoomFor(sessionId)) throw new PageProblem('unavailable', 503)
    const look = () => lookAt(cookieDigest, requestId)
    webSockets.open(request, reply, PAGE_EVENTS_PROTOCOL, (socket) => {
      sockets.accept(socket, { sessionId, requestId, look })
    })
  })

  const endSweeping = every(SWEEP_EVERY_MS, async () => sockets.sweep())
  app.addHook('preClose', async () => {
    endSweeping()
    sockets.close()
  })

  /** Undefined once this browser has signed out, or is about another device. Looking keeps no session alive. */
  async function lookAt(cookieDigest: string, requestId: string): Promise<PageStanding | undefined> {
    const signedIn = await liveSession(store, host, cookieDigest)
    if (signedIn?.session.openedRequestId !== requestId) return undefined
    const device = await store.deviceRequests.get(requestId)
    return device === undefined ? undefined : standingOf(device, signedIn.user)
  }

  async function standingOf(device: DeviceRequest, user: User): Promise<PageStanding> {
    const outcome = await standing.outcomeOf(device, { user })
    if (outcome === 'open') {
      const until = answerableUntil(device, pacing.intervalSeconds(device.id))
      return { message: news('open', secondsToAnswer(provider, device)), isOver: false, until }
    }
    if (outcome === 'approved') return { message: news('approved'), isOver: false, until: device.deadlineAt }
    const told = outcome === 'ready' ? 'linked' : outcome === 'missed' ? 'missed' : 'closed'
    return { message: news(told), isOver: true }
  }
}

function news(event: PageNews['event'], seconds?: number): PageNews {
  return { event, ...(seconds !== undefined && { expires_in: seconds }) }
}
