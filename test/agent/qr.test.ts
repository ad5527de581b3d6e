import { qrMatrix, renderTerminalQr, terminalQrWidth } from '@latchkey/device-agent'
import fc from 'fast-check'
import { PNG } from 'pngjs'
import { expect, it } from 'vitest'
import { decodeQr, terminalPicture } from '../support/qr-decode.ts'

const LIGHT = [253, 246, 227] as const
const DARK = [0, 20, 30] as const

function square(text: string) {
  const matrix = qrMatrix(text)
  if (!matrix) throw new Error('no square')
  return matrix
}

it.each([
  ['dark', DARK, LIGHT],
  ['light', LIGHT, DARK],
] as const)('QR-05 QR-01 read off a %s terminal, it is the address byte for byte', async (_, ground, ink) => {
  await fc.assert(
    fc.asyncProperty(fc.stringMatching(/^[!-~]{1,70}$/), async (tail) => {
      const text = `https://id.northwind.example/${tail}`
      const picture = terminalPicture(renderTerminalQr(square(text)), ground, ink)
      expect(await decodeQr(picture)).toBe(text)
    }),
    { numRuns: 25 },
  )
})

it('QR-05 the picture proves something: one wrong line of the square and it says nothing or something else', async () => {
  const lines = renderTerminalQr(square('https://id.northwind.example/link/WDJBMJHT'))
  const broken = lines.map((line, index) => (index % 2 === 0 ? line : (lines[0] ?? '')))
  await expect(decodeQr(terminalPicture(broken, DARK, LIGHT))).rejects.toThrow('0 QR codes')
})

it('QR-01 four light modules on every side, in colours that no palette and no theme turns around', () => {
  const matrix = square('https://id.northwind.example/link/WDJBMJHT')
  const lines = renderTerminalQr(matrix)
  const png = PNG.sync.read(Buffer.from(terminalPicture(lines, DARK, DARK, 1)))
  const at = (x: number, y: number) => png.data[((y + 6) * png.width + x + 6) * 4]
  const width = terminalQrWidth(matrix)
  expect(width).toBe(matrix.size + 8)
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < width; y++) {
      const inQuietZone = x < 4 || y < 4 || x >= width - 4 || y >= width - 4
      expect(at(x, y)).toBe(!inQuietZone && matrix.isDark(x - 4, y - 4) ? 0 : 255)
    }
  }
  for (const line of lines) expect(line).toMatch(/^\x1b\[38;5;16;48;5;231m[ ▀▄█]+\x1b\[0m$/u)
})

it('QR-02 62 bytes make version 4, 106 bytes version 6, more makes none; QR-04 version 4 is 41 columns', () => {
  const text = (length: number) => `https://a.example/${'x'.repeat(length - 18)}`
  expect(square(text(62)).size).toBe(33)
  expect(terminalQrWidth(square(text(62)))).toBe(41)
  expect(square('HTTPS://A.EXAMPLE/'.padEnd(90, 'X')).size).toBe(33)
  expect(square(text(63)).size).toBe(37)
  expect(square(text(106)).size).toBe(41)
  expect(qrMatrix(text(107))).toBeUndefined()
  expect(qrMatrix(text(5000))).toBeUndefined()
})
