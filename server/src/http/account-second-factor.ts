// /account/second-factor: codes of an app after what is no two factors by itself. Setting it up stores nothing until a
// code of the app fits.
import { factorPage, factorSetupPage, recoveryCodesPage, type Square } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import QRCode from 'qrcode'
import {
  digitsIn,
  FEW_RECOVERY_CODES,
  keyUri,
  newRecoveryCodes,
  newSecret,
  recoveryDigests,
  secondFactorOf,
  stepOf,
} from '../accounts/second-factor.ts'
import type { SignedIn } from '../accounts/sessions.ts'
import type { UpstreamSettings } from '../accounts/upstream-settings.ts'
import { upstreamsOf } from '../accounts/ways-in.ts'
import type { AccountEvent, Provider } from '../oauth/provider.ts'
import type { User } from '../oauth/records.ts'
import { update } from '../oauth/store.ts'
import { goSignIn, signedInJustNow } from './account-scope.ts'
import { ownForm, type Pages } from './page-scope.ts'

const PATH = '/account/second-factor'
const CODES = `${PATH}/recovery-codes`
/** So long a key that nobody has confirmed may wait in its page. */
const SETUP_MS = 30 * 60 * 1000

interface Setup {
  readonly userId: string
  readonly secret: string
  readonly since: number
}

/** `service`: what the app calls the account. */
export function secondFactorRoutes(
  app: FastifyInstance,
  provider: Provider,
  pages: Pages,
  service: string,
  upstreams: readonly UpstreamSettings[],
): void {
  const { store, vault, host } = provider

  const fresh = (request: FastifyRequest) => signedInJustNow(request, host.clock.now())
  const confirm = (request: FastifyRequest, reply: FastifyReply) =>
    goSignIn(pages, request, reply, PATH, host.clock.now())
  const note = (event: AccountEvent, user: User) => provider.note({ event, userId: user.id })

  function showSetup(request: FastifyRequest, reply: FastifyReply, setup: Setup, problem?: 'wrong' | 'late') {
    const { user } = request.visitor.signedIn ?? {}
    const uri = keyUri(setup.secret, service, user?.email ?? '')
    const html = factorSetupPage(pages.chrome(request), {
      square: squareOf(uri),
      uri,
      key: setup.secret,
      sealed: vault.seal('second-factor', JSON.stringify(setup)),
      ...(problem === undefined ? {} : { problem }),
    })
    return pages.show(reply, html, problem === undefined ? 200 : 400)
  }

  const newSetup = (user: User): Setup => ({
    userId: user.id,
    secret: newSecret(host.entropy),
    since: host.clock.now(),
  })

  function setupIn(sealed: string | undefined, user: User): Setup | undefined {
    const opened = sealed === undefined ? undefined : vault.unseal('second-factor', sealed)
    const setup = opened?.startsWith('{') ? (JSON.parse(opened) as Setup) : undefined
    return setup?.userId === user.id && host.clock.now() < setup.since + SETUP_MS ? setup : undefined
  }

  app.get(PATH, async (request, reply) => {
    const { signedIn, visit } = request.visitor
    if (signedIn === undefined) return goSignIn(pages, request, reply, PATH, 0)
    if (codesToKeep(request) !== undefined) return pages.go(reply, CODES)
    const { secondFactor, shortPassword } = signedIn.user
    const { done, ...errand } = visit.errand
    const after = await firstStepOf(signedIn.user)
    if (secondFactor === undefined) {
      const off = done === 'second_factor_off'
      if (off) pages.cookies.keep(reply, request.visitor, errand)
      return pages.show(reply, factorPage(pages.chrome(request), { after, ...(off ? { news: done } : {}) }))
    }
    const recoveryCodes = secondFactor.recoveryDigests.length
    const secondsAgo = Math.max(0, Math.round((host.clock.now() - secondFactor.addedAt) / 1000))
    const html = factorPage(pages.chrome(request), {
      after,
      on: {
        since: { at: secondFactor.addedAt, secondsAgo },
        recoveryCodes,
        few: recoveryCodes <= FEW_RECOVERY_CODES,
        needed: shortPassword ?? false,
      },
    })
    return pages.show(reply, html)
  })

  app.post(PATH, async (request, reply) => {
    ownForm(request)
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    if (signedIn.user.secondFactor !== undefined) return pages.go(reply, PATH)
    return showSetup(request, reply, newSetup(signedIn.user))
  })

  app.post(`${PATH}/on`, async (request, reply) => {
    const form = ownForm(request)
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    const { user } = signedIn
    const setup = setupIn(form.get('key')?.[0], user)
    if (setup === undefined) return showSetup(request, reply, newSetup(user), 'late')
    const now = host.clock.now()
    const lastStep = stepOf(setup.secret, digitsIn(form.get('code')?.[0] ?? ''), now)
    if (lastStep === undefined) return showSetup(request, reply, setup, 'wrong')
    const codes = newRecoveryCodes(host.entropy)
    const secondFactor = secondFactorOf(vault, user.id, { secret: setup.secret, lastStep, codes, now })
    const on = await update(store.users, user.id, (current) => {
      if (current === undefined || current.secondFactor !== undefined) return { outcome: false }
      return { next: { ...current, secondFactor }, outcome: true }
    })
    // Another window was faster: its codes are the ones to keep.
    if (!on) return pages.go(reply, CODES)
    note('second_factor_on', user)
    return goCodes(request, reply, signedIn, codes, true)
  })

  app.get(CODES, (request, reply) => {
    const codes = codesToKeep(request)
    if (codes === undefined) return pages.go(reply, PATH)
    return pages.show(reply, recoveryCodesPage(pages.chrome(request), codes))
  })

  app.post(`${CODES}/kept`, (request, reply) => {
    ownForm(request)
    const { visitor } = request
    const { recoveryCodes: _, ...told } = visitor.visit.told ?? {}
    pages.cookies.keep(reply, visitor, visitor.visit.errand, told)
    return pages.go(reply, visitor.visit.errand.userCode === undefined ? '/account' : '/link/device')
  })

  app.post(CODES, async (request, reply) => {
    ownForm(request)
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    const codes = newRecoveryCodes(host.entropy)
    const digests = recoveryDigests(vault, signedIn.user.id, codes)
    const made = await update(store.users, signedIn.user.id, (user) => {
      if (user?.secondFactor === undefined) return { outcome: false }
      return { next: { ...user, secondFactor: { ...user.secondFactor, recoveryDigests: digests } }, outcome: true }
    })
    if (!made) return pages.go(reply, PATH)
    note('recovery_codes_made', signedIn.user)
    return goCodes(request, reply, signedIn, codes, false)
  })

  app.post(`${PATH}/off`, async (request, reply) => {
    ownForm(request)
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    const off = await update(store.users, signedIn.user.id, (user) => {
      if (user?.secondFactor === undefined || user.shortPassword) return { outcome: false }
      const { secondFactor: _, ...next } = user
      return { next, outcome: true }
    })
    if (off) {
      note('second_factor_off', signedIn.user)
      pages.cookies.keep(reply, request.visitor, { ...request.visitor.visit.errand, done: 'second_factor_off' })
    }
    return pages.go(reply, PATH)
  })

  async function firstStepOf(user: User) {
    if (user.passwordHash !== undefined) return 'password'
    return (await upstreamsOf(store, upstreams, user.id)).length > 0 ? 'upstream' : 'nothing'
  }

  /** Of this very sign-in, as long as they are good: they may have been made anew, or turned off, in another window. */
  function codesToKeep({ visitor }: FastifyRequest) {
    const { visit, signedIn } = visitor
    const { recoveryCodes } = visit.told ?? {}
    if (recoveryCodes === undefined || recoveryCodes.sessionId !== signedIn?.session.id) return undefined
    const good = signedIn.user.secondFactor?.recoveryDigests ?? []
    const digests = recoveryDigests(vault, signedIn.user.id, recoveryCodes.codes)
    return digests.some((digest) => good.includes(digest)) ? recoveryCodes : undefined
  }

  /** They are in this browser alone, and only until their person says to have kept them: the store has digests. */
  async function goCodes(
    request: FastifyRequest,
    reply: FastifyReply,
    signedIn: SignedIn,
    codes: readonly string[],
    fresh: boolean,
  ) {
    await pages.cookies.renew(reply, signedIn)
    const { errand, told } = request.visitor.visit
    // The time that a visit has is theirs from now on.
    pages.cookies.begin(reply, errand, { ...told, recoveryCodes: { codes, fresh, sessionId: signedIn.session.id } })
    return pages.go(reply, CODES)
  }
}

/** The dark modules, row by row, as rectangles of one module's height. */
function squareOf(text: string): Square {
  const { data, size } = QRCode.create(text, { errorCorrectionLevel: 'M' }).modules
  let path = ''
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const start = x
      while (x < size && data[y * size + x]) x++
      if (x > start) path += `M${start} ${y}h${x - start}v1H${start}z`
    }
  }
  return { size, path }
}
