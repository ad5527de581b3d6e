// The square as files. What a browser makes of the SVG is in page.test.ts.
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { PNG } from 'pngjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { screenData } from '../../device-agent/src/kiosk/screen-data.ts'
import { type ScreenNews, screenStateOf } from '../../device-agent/src/kiosk/screen-state.ts'
import { qrMatrix } from '../../device-agent/src/node/qr.ts'
import { qrPath, qrPng, qrSvg } from '../../device-agent/src/node/qr-image.ts'
import { writeScreenFiles } from '../../device-agent/src/node/screen-files.ts'
import { fakeHost } from '../support/fake-host.ts'
import { shownRequest } from '../support/kiosk-page.ts'
import { decodeQr } from '../support/qr-decode.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

const ADDRESS = 'https://id.northwind.example/link?user_code=WDJB-MJHT'

async function picture(text: string, modulePixels?: number): Promise<Uint8Array> {
  const png = await qrPng(text, modulePixels)
  if (!png) throw new Error('no picture')
  return png
}

it('QR-05 the PNG decodes to the address byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(fc.stringMatching(/^[!-~]{1,70}$/), async (tail) => {
      const text = `https://id.northwind.example/${tail}`
      expect(await decodeQr(await picture(text))).toBe(text)
    }),
    { numRuns: 25 },
  )
})

it.each([1, 4, 8, 11])(
  'QR-01 QR-03 black on white, four light modules around, %i whole pixels a module',
  async (scale) => {
    const matrix = qrMatrix(ADDRESS)
    const png = PNG.sync.read(Buffer.from(await picture(ADDRESS, scale)))
    const side = ((matrix?.size ?? 0) + 8) * scale
    expect([png.width, png.height]).toEqual([side, side])
    const wrong: string[] = []
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const isDark = matrix?.isDark(Math.floor(x / scale) - 4, Math.floor(y / scale) - 4)
        const [red, green, blue, alpha] = png.data.subarray((y * side + x) * 4)
        const level = isDark ? 0 : 255
        if (red !== level || green !== level || blue !== level || alpha !== 255) wrong.push(`${x},${y}`)
      }
    }
    expect(wrong).toEqual([])
  },
)

it('QR-02 an address for more than version 6 has no picture; QR-03 nor has a module half a pixel', async () => {
  const long = 'https://a.example/'.padEnd(107, 'x')
  expect([await qrPng(long), await qrSvg(long), qrPath(long)]).toEqual([undefined, undefined, undefined])
  await expect(qrPng(ADDRESS, 2.5)).rejects.toThrow(RangeError)
  await expect(qrPng(ADDRESS, 0)).rejects.toThrow(RangeError)
})

describe('the files of the screen', () => {
  let folder: string
  beforeEach(() => {
    folder = join(temporaryFolder(), 'screen')
  })
  afterEach(() => removeFolder(join(folder, '..')))

  const host = fakeHost()
  const write = (news: ScreenNews, how?: { modulePixels: number }) => {
    const now = host.clock.monotonic()
    return writeScreenFiles(folder, screenData(screenStateOf(news, { kind: 'unlinked' }, now), now), how)
  }
  const state = () => JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))
  const waiting = { kind: 'waiting', request: shownRequest(host) } as const

  it('QR-05 AGT-03 hold the square twice, and the state with the names of both', async () => {
    await write(waiting, { modulePixels: 3 })
    expect(readdirSync(folder).sort()).toEqual(['code.png', 'code.svg', 'state.json'])
    expect(await decodeQr(readFileSync(join(folder, 'code.png')))).toBe(ADDRESS)
    expect(readFileSync(join(folder, 'code.svg'), 'utf8')).toMatch(/^<svg .*<path fill="#ffffff"/)
    expect(state()).toMatchObject({
      state: 'code',
      user_code: 'WDJB-MJHT',
      verification_uri_complete: ADDRESS,
      expires_in: 600,
      svg: 'code.svg',
      png: 'code.png',
    })
    expect(state()).not.toHaveProperty('number')
  })

  it('DEV-23 name the number for the phone, once there is one', async () => {
    await write({ kind: 'opened', request: shownRequest(host, { number: '58' }) })
    expect(state()).toMatchObject({ state: 'code', opened: true, number: '58' })
  })

  it.each([
    { kind: 'failed', error: { reason: 'expired', message: '' } },
    { kind: 'failed', error: { reason: 'denied', message: '' } },
    { kind: 'linked', linked: { subject: { name: 'Ana' } } },
    { kind: 'cancelled' },
  ] as const)('AGT-07 the code leaves them at the end: $kind $error.reason', async (news) => {
    await write(waiting)
    await write(news)
    expect(readdirSync(folder)).toEqual(['state.json'])
    expect(readFileSync(join(folder, 'state.json'), 'utf8')).not.toContain('WDJB')
    expect(state().png).toBeUndefined()
  })

  it('have no picture of a code whose address is too long or not there', async () => {
    await write(waiting)
    await write({ kind: 'waiting', request: shownRequest(host, { verificationUriComplete: undefined }) })
    expect(readdirSync(folder)).toEqual(['state.json'])
    expect(state()).toMatchObject({ user_code: 'WDJB-MJHT' })
  })

  it('are never written through a link that somebody laid', async () => {
    mkdirSync(folder, { recursive: true })
    const elsewhere = join(folder, '..', 'elsewhere')
    writeFileSync(elsewhere, 'mine')
    for (const name of ['.state.json.new', 'state.json']) symlinkSync(elsewhere, join(folder, name))
    await write({ kind: 'asking' })
    expect(readFileSync(elsewhere, 'utf8')).toBe('mine')
    expect(state()).toEqual({ state: 'asking' })
  })

  it('say in a sentence when they cannot be written', async () => {
    mkdirSync(join(folder, '..'), { recursive: true })
    writeFileSync(folder, '')
    await expect(write(waiting)).rejects.toThrow(`The screen's files cannot be written to ${folder}: EEXIST.`)
  })
})
