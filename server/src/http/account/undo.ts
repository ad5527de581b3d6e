// /undo: from the notice of a new device to its end, without a sign-in. The token leaves the address at once, opening
// changes nothing (programs that read mail open everything), and the button ends this one link and nothing else.
import { goneUndoPage, oneLine, undonePage, undoPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Provider } from '../../oauth/provider.ts'
import { findUndoable, readUndo, type Undo, type Undoable, undoLink } from '../../oauth/undo.ts'
import { ownForm, type Pages } from '../page-scope.ts'
import { clientName, whenceOf, whenOf } from './facts.ts'

export const UNDO_PATH = '/undo'

export function undoRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  const { vault, host, limits } = provider

  // Longer than the router lets a named part of an address be.
  app.get<{ Params: { '*': string } }>(`${UNDO_PATH}/*`, (request, reply) => {
    const undo = readUndo(vault, request.params['*'], host.clock.now())
    const { undone: _before, ...told } = request.visitor.visit.told ?? {}
    pages.cookies.keep(reply, request.visitor, undo === undefined ? {} : { undo }, told)
    return pages.go(reply, UNDO_PATH)
  })

  app.get(UNDO_PATH, async (request, reply) => {
    const { errand, told } = request.visitor.visit
    const { undo } = errand
    const found = undo === undefined ? undefined : await findUndoable(provider, undo)
    if (undo === undefined && told?.undone) return pages.show(reply, undonePage(pages.anybody(request), told.undone))
    if (undo === undefined || found === undefined) return gone(request, reply)
    return pages.show(reply, undoPage(pages.anybody(request, subjectOf(undo)), await shown(found)))
  })

  app.post(UNDO_PATH, async (request, reply) => {
    const { errand, told } = request.visitor.visit
    const { undo } = errand
    // Pressed twice, or again after going back.
    if (undo === undefined && told?.undone) return pages.go(reply, UNDO_PATH)
    if (undo === undefined) {
      ownForm(request)
      return gone(request, reply)
    }
    ownForm(request, subjectOf(undo))
    const found = await findUndoable(provider, undo)
    if (found === undefined) return gone(request, reply)
    const { label, name, client } = await shown(found)
    await undoLink(provider, undo)
    const upToSeconds = Math.max(limits.userTokenSeconds, found.enrolled === undefined ? 0 : limits.clientTokenSeconds)
    const claimed = label === undefined && name !== undefined
    const undone = { name: oneLine(label ?? name ?? client) ?? '', claimed, upToSeconds }
    pages.cookies.keep(reply, request.visitor, {}, { ...told, undone })
    return pages.go(reply, UNDO_PATH)
  })

  async function shown({ family, enrolled }: Undoable) {
    if (family === undefined) {
      const { name = '', createdAt = 0 } = enrolled ?? {}
      return { client: name, linked: whenOf(provider, createdAt) }
    }
    const { label, startedFrom } = family
    const { name } = family.device
    return {
      ...(label === undefined ? {} : { label }),
      ...(name === undefined ? {} : { name }),
      client: clientName(await provider.clients.find(family.clientId), family.clientId),
      linked: whenOf(provider, family.createdAt),
      ...(startedFrom === undefined ? {} : { from: whenceOf(provider, startedFrom) }),
    }
  }

  function gone(request: FastifyRequest, reply: FastifyReply) {
    return pages.show(reply, goneUndoPage(pages.anybody(request)), 404)
  }
}

function subjectOf({ familyId }: Undo): string {
  return `undo ${familyId}`
}
