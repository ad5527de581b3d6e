// /account/second-factor/recovery-codes: the codes for whoever has lost the app, shown until their person has kept them.
import { type RecoveryCodesModel, recoveryCodesPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { newRecoveryCodes, recoveryDigests } from '../../accounts/second-factor.ts'
import type { SignedIn } from '../../accounts/sessions.ts'
import type { Vault } from '../../oauth/keys/vault.ts'
import type { Provider } from '../../oauth/provider.ts'
import { update } from '../../oauth/store.ts'
import { ownForm, type Pages } from '../page-scope.ts'
import { goSignIn, signedInJustNow } from './scope.ts'

const PATH = '/account/second-factor'
export const RECOVERY_CODES = `${PATH}/recovery-codes`

export function recoveryCodeRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  const { store, vault, host } = provider

  app.get(RECOVERY_CODES, (request, reply) => {
    const codes = codesToKeep(vault, request)
    if (codes === undefined) return pages.go(reply, PATH)
    return pages.show(reply, recoveryCodesPage(pages.chrome(request), codes))
  })

  app.post(`${RECOVERY_CODES}/kept`, (request, reply) => {
    ownForm(request)
    const { visitor } = request
    const { recoveryCodes: _, ...told } = visitor.visit.told ?? {}
    pages.cookies.keep(reply, visitor, visitor.visit.errand, told)
    return pages.go(reply, visitor.visit.errand.userCode === undefined ? '/account' : '/link/device')
  })

  app.post(RECOVERY_CODES, pages.once, async (request, reply) => {
    ownForm(request)
    const signedIn = signedInJustNow(request, host.clock.now())
    if (signedIn === undefined) return goSignIn(pages, request, reply, PATH, host.clock.now())
    const codes = newRecoveryCodes(host.entropy)
    const digests = recoveryDigests(vault, signedIn.user.id, codes)
    const made = await update(store.users, signedIn.user.id, (user) => {
      if (user?.secondFactor === undefined) return { outcome: false }
      return { next: { ...user, secondFactor: { ...user.secondFactor, recoveryDigests: digests } }, outcome: true }
    })
    if (!made) return pages.go(reply, PATH)
    provider.note({ event: 'recovery_codes_made', userId: signedIn.user.id })
    return goRecoveryCodes(pages, request, reply, signedIn, { codes, fresh: false })
  })
}

/** Of this very sign-in, as long as they are good: they may have been made anew, or turned off, in another window. */
export function codesToKeep(vault: Vault, { visitor }: FastifyRequest) {
  const { visit, signedIn } = visitor
  const { recoveryCodes } = visit.told ?? {}
  if (recoveryCodes === undefined || recoveryCodes.sessionId !== signedIn?.session.id) return undefined
  const good = signedIn.user.secondFactor?.recoveryDigests ?? []
  const digests = recoveryDigests(vault, signedIn.user.id, recoveryCodes.codes)
  return digests.some((digest) => good.includes(digest)) ? recoveryCodes : undefined
}

/** They are in this browser alone, and only until their person says to have kept them: the store has digests. */
export async function goRecoveryCodes(
  pages: Pages,
  request: FastifyRequest,
  reply: FastifyReply,
  signedIn: SignedIn,
  made: RecoveryCodesModel,
) {
  await pages.cookies.renew(reply, signedIn)
  const { errand, told } = request.visitor.visit
  // The time that a visit has is theirs from now on.
  pages.cookies.begin(reply, errand, { ...told, recoveryCodes: { ...made, sessionId: signedIn.session.id } })
  return pages.go(reply, RECOVERY_CODES)
}
