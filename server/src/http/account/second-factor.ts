// /account/second-factor: codes of an app after what is no two factors by itself. Setting it up stores nothing until a
// code of the app fits.
import { factorPage, factorSetupPage, type Square } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import QRCode from 'qrcode'
import {
  digitsIn,
  FEW_RECOVERY_CODES,
  keyUri,
  newRecoveryCodes,
  newSecret,
  secondFactorOf,
  stepOf,
} from '../../accounts/second-factor.ts'
import type { UpstreamSettings } from '../../accounts/upstream-settings.ts'
import { upstreamsOf } from '../../accounts/ways-in.ts'
import type { AccountEvent, Provider } from '../../oauth/provider.ts'
import type { User } from '../../oauth/records.ts'
import { update } from '../../oauth/store.ts'
import { ownForm, type Pages } from '../page-scope.ts'
import { codesToKeep, goRecoveryCodes, RECOVERY_CODES } from './recovery-codes.ts'
import { goSignIn, signedInJustNow } from './scope.ts'

const PATH = '/account/second-factor'
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

  app.get(PATH, async (request, reply) => {
    const { signedIn, visit } = request.visitor
    if (signedIn === undefined) return goSignIn(pages, request, reply, PATH, 0)
    if (codesToKeep(vault, request) !== undefined) return pages.go(reply, RECOVERY_CODES)
    const { secondFactor, shortPassword } = signedIn.user
    const { done, ...errand } = visit.errand
    const after = await firstStepOf(provider, upstreams, signedIn.user)
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
    return showSetup(request, reply, newSetup(provider, signedIn.user))
  })

  app.post(`${PATH}/on`, pages.once, async (request, reply) => {
    const form = ownForm(request)
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    const { user } = signedIn
    const setup = setupIn(provider, form.get('key')?.[0], user)
    if (setup === undefined) return showSetup(request, reply, newSetup(provider, user), 'late')
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
    if (!on) return pages.go(reply, RECOVERY_CODES)
    note('second_factor_on', user)
    return goRecoveryCodes(pages, request, reply, signedIn, { codes, fresh: true })
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
}

function newSetup({ host }: Provider, user: User): Setup {
  return { userId: user.id, secret: newSecret(host.entropy), since: host.clock.now() }
}

function setupIn({ vault, host }: Provider, sealed: string | undefined, user: User): Setup | undefined {
  const opened = sealed === undefined ? undefined : vault.unseal('second-factor', sealed)
  const setup = opened?.startsWith('{') ? (JSON.parse(opened) as Setup) : undefined
  return setup?.userId === user.id && host.clock.now() < setup.since + SETUP_MS ? setup : undefined
}

async function firstStepOf({ store }: Provider, upstreams: readonly UpstreamSettings[], user: User) {
  if (user.passwordHash !== undefined) return 'password'
  return (await upstreamsOf(store, upstreams, user.id)).length > 0 ? 'upstream' : 'nothing'
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
