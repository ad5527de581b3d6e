// The page in a real browser, at the sizes that hang on walls and sit on boards: measured with a ruler, read with a
// camera, and quiet under its policy.
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { PNG } from 'pngjs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ScreenNews } from '../../device-agent/src/kiosk/screen-state.ts'
import type { KioskOptions } from '../../device-agent/src/node/kiosk-server.ts'
import { qrMatrix } from '../../device-agent/src/node/qr.ts'
import { qrSvg } from '../../device-agent/src/node/qr-image.ts'
import { axeFindings } from '../support/axe.ts'
import { launchBrowser } from '../support/browser.ts'
import { kioskFiles, type ServedKiosk, serveKiosk, shownRequest } from '../support/kiosk-page.ts'
import { decodeQr } from '../support/qr-decode.ts'

const SIZES = [
  { width: 1920, height: 1080 },
  { width: 3840, height: 2160 },
  { width: 480, height: 320 },
] as const
/** What the page must not hide: rectangles of everything that is drawn, as `name: left top right bottom`. */
const DRAWN = `[...document.querySelectorAll('#brand svg, #brand span, #title, #lead, #address, #code, #ask, #ok, #status, #card, #number-ask, #digits, .drawing, #timer')]
  .map((element) => ({ name: element.id || element.localName, box: element.getBoundingClientRect().toJSON() }))
  .filter(({ box }) => box.width > 0)`
/** Height of the capital H, or of an 8, in the element's own font and size, as drawn. */
const CAPITAL = (id: string, letter = 'H') => `(() => {
  const style = getComputedStyle(document.getElementById('${id}'))
  const pen = document.createElement('canvas').getContext('2d')
  pen.font = style.fontWeight + ' ' + style.fontSize + ' ' + style.fontFamily
  return pen.measureText('${letter}').actualBoundingBoxAscent
})()`

interface Drawn {
  readonly name: string
  readonly box: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number }
}

const files = kioskFiles()
const complaints: string[] = []
const open: (() => unknown)[] = []
let browser: Browser

beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())
beforeEach(() => {
  complaints.length = 0
})
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

interface Hung extends ServedKiosk {
  readonly page: Page
  /** Tells the news and waits until the page shows it. */
  show(news: ScreenNews, title: string): Promise<void>
}

/** A screen on the wall. Still: a ring on its way would be measured halfway. */
async function hang(
  viewport: { readonly width: number; readonly height: number } = SIZES[0],
  options: Partial<KioskOptions> = {},
  context: BrowserContextOptions = {},
): Promise<Hung> {
  const kiosk = await serveKiosk({ ...options, files })
  const page = await browser.newPage({ viewport, reducedMotion: 'reduce', ...context })
  open.push(
    () => page.close(),
    () => kiosk.server.stop(),
  )
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`))
  await page.clock.install({ time: 0 })
  await page.goto(kiosk.address)
  await page.locator('#title', { hasText: 'Not linked yet' }).waitFor()
  return {
    ...kiosk,
    page,
    async show(news, title) {
      kiosk.screen.show(news)
      await page.locator('#title', { hasText: title }).waitFor({ state: 'attached' })
    },
  }
}

const waiting = (kiosk: ServedKiosk, change = {}) =>
  ({ kind: 'waiting', request: shownRequest(kiosk.host, change) }) as const
const failed = (reason: 'denied' | 'expired' | 'refused', message = '') =>
  ({ kind: 'failed', error: { reason, message } }) as const

describe.each(SIZES)('$width x $height', (size) => {
  it('QR-01 QR-03 QR-05 AGT-03 the code: letters, address and square are as large as the rules ask, and inside the margin', async () => {
    const kiosk = await hang(size)
    await kiosk.show(waiting(kiosk), 'Link with your phone')
    await expectInside(kiosk.page, size)
    expect(await kiosk.page.evaluate<number>(CAPITAL('code'))).toBeGreaterThanOrEqual(size.height / 14)
    expect(await kiosk.page.evaluate<number>(CAPITAL('address'))).toBeGreaterThanOrEqual(size.height / 28)
    expect(await kiosk.page.locator('#address').innerText()).toBe('id.northwind.example/link')
    expect(await kiosk.page.locator('#code').textContent()).toBe('WDJBMJHT')
    const address = kiosk.screen.current()
    const text = address.kind === 'code' ? (address.verificationUriComplete ?? '') : ''
    const modulePixels = await expectWholePixels(kiosk.page, text)
    expect(modulePixels).toBeGreaterThanOrEqual(4)
    expect(modulePixels * (qrMatrix(text)?.size ?? 0)).toBeGreaterThanOrEqual(size.width / 4)
    expect(await decodeQr(await kiosk.page.screenshot())).toBe(text)
  })

  it('DEV-23 the number for the phone is the largest thing there, and leaves code and address where they were', async () => {
    const kiosk = await hang(size)
    await kiosk.show({ kind: 'opened', request: shownRequest(kiosk.host) }, 'Continue on your phone')
    const places = () => Promise.all(['#code', '#address', '#title', '#timer'].map((id) => leftTop(kiosk.page, id)))
    const before = await places()
    await showNumber(kiosk)
    expect((await kiosk.page.locator('#number').innerText()).split(/\s*\n\s*/)).toEqual(['On your phone, tap', '58'])
    expect(await kiosk.page.locator('.drawing:visible').count()).toBe(0)
    const [digit, letter] = [
      await kiosk.page.evaluate<number>(CAPITAL('digits', '8')),
      await kiosk.page.evaluate<number>(CAPITAL('code')),
    ]
    expect(digit).toBeGreaterThanOrEqual(size.height / 5)
    expect(digit).toBeGreaterThan(letter)
    await expectInside(kiosk.page, size)
    expect(await axeFindings(kiosk.page)).toEqual([])
    // On a panel of a few inches the picture gives way to what is larger.
    if (size.height > 420) expect(await places()).toEqual(before)
    expect(complaints).toEqual([])
  })

  it('UX-07 nothing for axe to find, nothing outside the margin, nothing to complain about, whatever the state', async () => {
    const kiosk = await hang(size, { onLink: () => undefined })
    const { host } = kiosk
    const look = async (news: ScreenNews, title: string) => {
      await kiosk.show(news, title)
      await expectInside(kiosk.page, size)
      expect.soft(await axeFindings(kiosk.page), title).toEqual([])
    }
    await look(failed('expired'), 'This code has run out')
    await look({ kind: 'asking' }, 'One moment')
    await look(waiting(kiosk), 'Link with your phone')
    await look({ kind: 'opened', request: shownRequest(host) }, 'Continue on your phone')
    const troubled = { kind: 'retrying', request: shownRequest(host), reason: 'Why.', inSeconds: 20 } as const
    await look(troubled, 'Continue on your phone')
    await look(
      { kind: 'offline', reason: 'id.northwind.example cannot be reached: no such host.', inSeconds: 20 },
      'No connection',
    )
    await look({ kind: 'linked', linked: { subject: { name: 'Ana' } } }, 'Welcome, Ana')
    const name = 'Wolfeschlegelsteinhausenbergerdorff von und zu Hohenzollern-Sigmaringen'
    await look({ kind: 'linked', linked: { subject: { name } } }, `Welcome, ${name}`)
    await look({ kind: 'needs_linking' }, 'Link it again')
    await look(failed('denied'), 'Not linked')
    await look(failed('refused', 'The server says no. '.repeat(30)), 'That did not work')
    const long = {
      userCode: 'WXYZ-WXYZ-WXYZ',
      verificationUri: 'https://sign-in.devices.a-rather-long-name.example.com/activate/device',
      verificationUriComplete: undefined,
      seconds: 44,
    }
    await look(waiting(kiosk, long), 'Link with your phone')
    expect(await kiosk.page.evaluate<number>(CAPITAL('code'))).toBeGreaterThanOrEqual(size.height / 14)
    expect(complaints).toEqual([])
  })
})

it.each([
  ['1.5 pixels a point', SIZES[0], { deviceScaleFactor: 1.5 }, 'dark'],
  ['a light theme', SIZES[0], {}, 'light'],
  ['a dark browser and a light theme', SIZES[2], { colorScheme: 'dark' }, 'light'],
  ['forced colours', SIZES[0], { forcedColors: 'active' }, 'dark'],
  ['a portrait screen', { width: 1080, height: 1920 }, {}, 'dark'],
] as const)('QR-01 QR-03 QR-05 dark on white in whole pixels: %s', async (_, size, context, theme) => {
  const kiosk = await hang(size, { brand: { theme } }, context)
  await kiosk.show(waiting(kiosk), 'Link with your phone')
  await expectInside(kiosk.page, size)
  const text = 'https://id.northwind.example/link?user_code=WDJB-MJHT'
  await expectWholePixels(kiosk.page, text, 'deviceScaleFactor' in context ? context.deviceScaleFactor : 1)
  expect(await decodeQr(await kiosk.page.screenshot())).toBe(text)
  // axe measures forced colours against the page's own.
  if (!('forcedColors' in context)) expect(await axeFindings(kiosk.page)).toEqual([])
})

it('QR-05 the SVG for other programs decodes to the address byte for byte', async () => {
  const text = 'https://id.northwind.example/link?user_code=WDJB-MJHT'
  const page = await browser.newPage({ viewport: { width: 410, height: 410 } })
  open.push(() => page.close())
  await page.setContent(`<body style="margin:0;background:#000">${await qrSvg(text)}`)
  expect(await decodeQr(await page.screenshot())).toBe(text)
  await expectWholePixels(page, text, 1, 'svg')
})

it('QR-02 an address that is too long for a square is shown as text alone', async () => {
  const kiosk = await hang()
  await kiosk.show(
    waiting(kiosk, { verificationUriComplete: 'https://a.example/'.padEnd(107, 'x') }),
    'Link with your phone',
  )
  expect(await kiosk.page.locator('#card').isVisible()).toBe(false)
  expect(await kiosk.page.locator('#lead').innerText()).toBe('On your phone, open')
})

describe('changes in place', () => {
  it('AGT-03 opened: the square steps back, code and address do not move', async () => {
    const kiosk = await hang()
    await kiosk.show(waiting(kiosk), 'Link with your phone')
    const places = () => Promise.all(['#code', '#address', '#title', '#timer'].map((id) => leftTop(kiosk.page, id)))
    const before = await places()
    await kiosk.show({ kind: 'opened', request: shownRequest(kiosk.host) }, 'Continue on your phone')
    expect(await kiosk.page.locator('#card').isVisible()).toBe(false)
    expect(await places()).toEqual(before)
    await expect(decodeQr(await kiosk.page.screenshot())).rejects.toThrow('0 QR codes')
    const troubled = { kind: 'retrying', request: shownRequest(kiosk.host), reason: 'Why.', inSeconds: 20 } as const
    kiosk.screen.show(troubled)
    await kiosk.page.locator('#status', { hasText: 'No connection. Trying again in 20 s.' }).waitFor()
    expect(await places()).toEqual(before)
  })

  it('DEV-23 AGT-07 the number stays through trouble, goes with its code, and a new code has none', async () => {
    const kiosk = await hang()
    await showNumber(kiosk)
    const request = shownRequest(kiosk.host, { number: '58' })
    kiosk.screen.show({ kind: 'retrying', request, reason: 'Why.', inSeconds: 20 })
    await kiosk.page.locator('#status', { hasText: 'No connection. Trying again in 20 s.' }).waitFor()
    expect(await kiosk.page.locator('#digits').innerText()).toBe('58')
    await kiosk.show(failed('expired'), 'This code has run out')
    expect(await kiosk.page.locator('#number').textContent()).toBe('')
    await kiosk.show(waiting(kiosk, { userCode: 'BCDF-GHJK' }), 'Link with your phone')
    expect(await kiosk.page.locator('#number').isVisible()).toBe(false)
    expect(await kiosk.page.locator('#card').isVisible()).toBe(true)
  })

  it('DEV-23 UX-07 who cannot see the screen hears the number', async () => {
    const kiosk = await hang()
    await showNumber(kiosk)
    expect(await kiosk.page.locator('[role=status]').textContent()).toBe('On your phone, tap 58')
  })

  it('AGT-07 the time runs down in the page, and the code leaves it at the end though nobody says so', async () => {
    const kiosk = await hang()
    await kiosk.page.clock.pauseAt(60_000)
    await kiosk.show(waiting(kiosk, { seconds: 120 }), 'Link with your phone')
    const timer = () => kiosk.page.locator('#timer').innerText()
    const ring = () => kiosk.page.locator('#ring').getAttribute('style')
    expect([(await timer()).replace(/\s+/g, ' '), await ring()]).toEqual(['2 minutes left', 'stroke-dashoffset: 0;'])
    await kiosk.page.clock.runFor(90_000)
    expect([(await timer()).replace(/\s+/g, ' '), await ring()]).toEqual(['30 seconds left', 'stroke-dashoffset: 75;'])
    await kiosk.page.clock.runFor(30_000)
    expect(await kiosk.page.locator('#title').innerText()).toBe('This code has run out')
    await expectNoCode(kiosk.page)
  })

  it.each([
    ['expired', failed('expired'), 'This code has run out'],
    ['denied', failed('denied'), 'Not linked'],
    ['linked', { kind: 'linked', linked: { subject: { name: 'Ana' } } }, 'Welcome, Ana'],
    ['cancelled', { kind: 'cancelled' }, 'Not linked yet'],
  ] as const)('AGT-07 %s: the code is gone from the screen and from the document', async (_, news, title) => {
    const kiosk = await hang()
    await kiosk.show(waiting(kiosk), 'Link with your phone')
    await kiosk.show(news, title)
    await expectNoCode(kiosk.page)
  })

  it('AGT-07 when the agent is gone, the code goes too; both come back by themselves', async () => {
    const kiosk = await hang()
    await kiosk.show(waiting(kiosk), 'Link with your phone')
    const { port } = new URL(kiosk.address)
    await kiosk.server.stop()
    await kiosk.page.locator('#lead', { hasText: 'has lost its connection' }).waitFor()
    await expectNoCode(kiosk.page)
    const again = await serveKiosk({ files, port: Number(port) })
    open.push(() => again.server.stop())
    again.screen.show(waiting(again))
    await kiosk.page.clock.runFor(20_000)
    await kiosk.page.locator('#title', { hasText: 'Link with your phone' }).waitFor()
  })

  it('UX-07 the code is said letter by letter, and changes are announced', async () => {
    const kiosk = await hang()
    await kiosk.show(waiting(kiosk), 'Link with your phone')
    expect(await kiosk.page.locator('#code').getAttribute('aria-label')).toBe('W, D, J, B. M, J, H, T.')
    expect(await kiosk.page.locator('[role=status]').textContent()).toBe(
      'Link with your phone. Scan the square, or open. id.northwind.example/link',
    )
  })

  it('NEG-15 names and messages are text', async () => {
    const kiosk = await hang(SIZES[0], { brand: { name: '<img src=x onerror=alert(1)>' } })
    const name = '<img src=x onerror=alert(1)>'
    await kiosk.show({ kind: 'linked', linked: { subject: { name } } }, `Welcome, ${name}`)
    expect(await kiosk.page.locator('img').count()).toBe(0)
    expect(complaints).toEqual([])
  })
})

describe('AGT-02 OK at the screen', () => {
  it.each(['Enter', ' '])('asks for a code by %j', async (key) => {
    let presses = 0
    const kiosk = await hang(SIZES[0], {
      onLink: () => {
        presses += 1
        kiosk.screen.show({ kind: 'asking' })
      },
    })
    await kiosk.page.keyboard.press(key)
    await kiosk.page.locator('#title', { hasText: 'One moment' }).waitFor()
    expect(presses).toBe(1)
    expect(await kiosk.page.locator('#ok').isVisible()).toBe(false)
  })

  it('has no button where the daemon takes no press', async () => {
    const kiosk = await hang(SIZES[0], { brand: { idle: 'Press the round button' } })
    expect(await kiosk.page.locator('#ok').isVisible()).toBe(false)
    expect(await kiosk.page.locator('#lead').innerText()).toBe('Press the round button')
  })
})

describe('burn-in', () => {
  it('QR-03 the picture wanders by whole pixels inside the margin, and dims after ten minutes; news wakes it', async () => {
    const size = SIZES[0]
    const kiosk = await hang(size)
    await kiosk.page.clock.pauseAt(60_000)
    await kiosk.show(waiting(kiosk, { seconds: 7200 }), 'Link with your phone')
    const text = 'https://id.northwind.example/link?user_code=WDJB-MJHT'
    const isDim = () => kiosk.page.locator('body.dim').count()
    const places = new Set<string>()
    for (let minute = 0; minute < 9; minute++) {
      await kiosk.page.clock.runFor(60_000)
      places.add(JSON.stringify(await leftTop(kiosk.page, '#code')))
      await expectInside(kiosk.page, size)
      expect(await isDim()).toBe(0)
    }
    expect(places.size).toBe(9)
    await expectWholePixels(kiosk.page, text)
    await kiosk.page.clock.runFor(120_000)
    expect(await isDim()).toBe(1)
    expect(await decodeQr(await kiosk.page.screenshot())).toBe(text)
    await kiosk.show({ kind: 'opened', request: shownRequest(kiosk.host, { seconds: 7200 }) }, 'Continue on your phone')
    expect(await isDim()).toBe(0)
  })

  it('nothing moves for who asked for no motion', async () => {
    const kiosk = await hang()
    await kiosk.show({ kind: 'asking' }, 'One moment')
    expect(await kiosk.page.evaluate<number>('document.getAnimations().length')).toBe(0)
    await kiosk.page.emulateMedia({ reducedMotion: 'no-preference' })
    expect(await kiosk.page.evaluate<number>('document.getAnimations().length')).toBeGreaterThan(0)
  })
})

it('SES-03 the policy is in force: a script, a style or a request of elsewhere does nothing', async () => {
  const kiosk = await hang()
  const blocked = await kiosk.page.evaluate<readonly string[]>(`new Promise((resolve) => {
    const blocked = []
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
      blocked.push(effectiveDirective)
      if (blocked.length === 4) resolve(blocked.sort())
    })
    document.body.setAttribute('style', 'color: red')
    new Image().src = 'http://127.0.0.1:1/'
    fetch('http://127.0.0.1:1/').catch(() => undefined)
    try {
      document.body.setAttribute('onclick', 'document.title = 1')
    } catch {}
  })`)
  expect(blocked).toEqual(['connect-src', 'img-src', 'require-trusted-types-for', 'style-src-attr'])
})

async function leftTop(page: Page, selector: string): Promise<readonly [number, number]> {
  const box = await page.locator(selector).boundingBox()
  return [box?.x ?? Number.NaN, box?.y ?? Number.NaN]
}

/** Somebody elsewhere has opened the code. */
async function showNumber(kiosk: ServedKiosk & { readonly page: Page }): Promise<void> {
  kiosk.screen.show({ kind: 'opened', request: shownRequest(kiosk.host, { number: '58' }) })
  await kiosk.page.locator('#digits', { hasText: '58' }).waitFor()
}

/** Everything that is drawn keeps 5 % of the screen free on each side, and no two things lie on each other. */
async function expectInside(
  page: Page,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<void> {
  const drawn = await page.evaluate<readonly Drawn[]>(DRAWN)
  expect(drawn.length).toBeGreaterThan(1)
  const outside = drawn.filter(
    ({ box }) =>
      box.left < width * 0.05 || box.right > width * 0.95 || box.top < height * 0.05 || box.bottom > height * 0.95,
  )
  expect.soft(outside, 'outside the margin').toEqual([])
  const overlapping = drawn.flatMap((one, index) =>
    drawn.slice(index + 1).flatMap((other) => {
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left)
      const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top)
      return across > 1 && down > 1 ? [`${one.name} and ${other.name}`] : []
    }),
  )
  expect.soft(overlapping, 'one on the other').toEqual([])
}

/** Holds the pixels of the square against the matrix of `text`, quiet zone included. Returns the pixels of a module. */
async function expectWholePixels(page: Page, text: string, pixelsPerPoint = 1, selector = '#square'): Promise<number> {
  const matrix = qrMatrix(text)
  const box = await page.locator(selector).boundingBox()
  if (!matrix || !box) throw new Error('no square')
  const modulePixels = (box.width * pixelsPerPoint) / (matrix.size + 8)
  expect(modulePixels, 'pixels of a module').toBeCloseTo(Math.round(modulePixels), 3)
  const scale = Math.round(modulePixels)
  const png = PNG.sync.read(await page.screenshot())
  const [left, top] = [Math.round(box.x * pixelsPerPoint), Math.round(box.y * pixelsPerPoint)]
  let wrong = 0
  for (let y = 0; y < (matrix.size + 8) * scale; y++) {
    for (let x = 0; x < (matrix.size + 8) * scale; x++) {
      const isDark = matrix.isDark(Math.floor(x / scale) - 4, Math.floor(y / scale) - 4)
      const at = ((top + y) * png.width + left + x) * 4
      const level = isDark ? 0 : 255
      if (png.data[at] !== level || png.data[at + 1] !== level || png.data[at + 2] !== level) wrong += 1
    }
  }
  expect(wrong, 'pixels that are not of the square').toBe(0)
  return scale
}

/** Neither seen nor kept: not in the text, not in an attribute, not as a square. */
async function expectNoCode(page: Page): Promise<void> {
  expect(await page.content()).not.toMatch(/WDJB|W, D, J, B/)
  expect(await page.locator('#square path').getAttribute('d')).toBeNull()
  await expect(decodeQr(await page.screenshot())).rejects.toThrow('0 QR codes')
}
