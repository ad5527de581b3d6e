// Themes as the configuration gives them: colours measured, logos read and judged, all before the first page is shown.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, loadConfig, parseConfig } from '@latchkey/server'
import { STYLESHEET } from '@latchkey/verifier-web'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contrast, keyProblems, keyStylesheet } from '../../verifier-web/src/theme.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

const KEY = { light: '#7a1fa2', dark: '#d9a8f0' }
const TV = { client_id: 'tv', token_endpoint_auth_method: 'none' }
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15"/></svg>'

function png(width: number, height: number): Buffer {
  const file = Buffer.alloc(64)
  file.write('\x89PNG\r\n\x1a\n', 0, 'latin1')
  file.write('IHDR', 12, 'latin1')
  file.writeUInt32BE(width, 16)
  file.writeUInt32BE(height, 20)
  return file
}

let folder: string
beforeAll(() => {
  folder = temporaryFolder()
})
afterAll(() => removeFolder(folder))

/** What is said of a file; empty when it is fine. */
function problems(file: unknown): readonly string[] {
  try {
    parseConfig(JSON.parse(JSON.stringify(file)), {}, folder)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

function logoProblems(content: string | Uint8Array): readonly string[] {
  writeFileSync(join(folder, 'logo'), content)
  return problems({ theme: { logo: 'logo' } })
}

describe('the key colour of a theme', () => {
  it('UX-04 OPS-02 each colour that people could not read is refused with its figure', () => {
    const theme = { key: { light: '#ffcc00', dark: '#333333' } }
    expect(problems({ theme, clients: [{ ...TV, theme }] })).toEqual([
      'theme.key.light: #ffcc00 on the paper has a contrast of 1.3; 4.5 is needed',
      'theme.key.dark: #333333 on the sheet has a contrast of 1.3; 4.5 is needed',
      'clients[0].theme.key.light: #ffcc00 on the paper has a contrast of 1.3; 4.5 is needed',
      'clients[0].theme.key.dark: #333333 on the sheet has a contrast of 1.3; 4.5 is needed',
    ])
    expect(problems({ theme: { key: { light: 'red', dark: '#fff' } } })).toEqual([
      'theme.key.light: must be a colour such as #0f5c4c',
      'theme.key.dark: must be a colour such as #0f5c4c',
    ])
    expect(problems({ theme: { key: KEY } })).toEqual([])
  })

  it('UX-04 contrast is WCAG’s: the figures of its own examples, whichever way round', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21)
    expect(contrast('#ffffff', '#767676')).toBeCloseTo(4.54, 2)
    expect(contrast('#777777', '#ffffff')).toBeLessThan(4.5)
    expect(contrast('#0f5c4c', '#0f5c4c')).toBe(1)
  })

  it('UX-04 whatever key is taken, the words on it can be read, and more so under a pointer', () => {
    let taken = 0
    for (let colour = 0; colour < 0x1000; colour++) {
      const hex = `#${[8, 4, 0].map((shift) => ((colour >> shift) & 15).toString(16).repeat(2)).join('')}`
      for (const scheme of ['light', 'dark'] as const) {
        if (keyProblems({ ...KEY, [scheme]: hex }).length > 0) continue
        taken++
        const sheet = String(keyStylesheet({ ...KEY, [scheme]: hex }).body)
        const own = sheet.split('@media')[scheme === 'light' ? 0 : 1] ?? ''
        const [key = '', over = '', ink = ''] = [...own.matchAll(/#[0-9a-f]{6}/g)].map(([found]) => found)
        expect(contrast(key, ink)).toBeGreaterThanOrEqual(4.5)
        expect(contrast(over, ink)).toBeGreaterThanOrEqual(contrast(key, ink))
      }
    }
    expect(taken).toBeGreaterThan(2000)
  })

  it('UX-04 it is measured against the paper and the sheet that the stylesheet has', () => {
    const css = String(STYLESHEET.body)
    for (const surface of ['--ground: #f5f4f1', '--card: #ffffff', '--ground: #131412', '--card: #1d1e1b']) {
      expect(css).toContain(surface)
    }
    // Just under on the worse of the two, so that both are known to be looked at.
    expect(keyProblems({ light: '#757575', dark: '#818181' })).toEqual([
      'light: #757575 on the paper has a contrast of 4.1; 4.5 is needed',
      'dark: #818181 on the sheet has a contrast of 4.2; 4.5 is needed',
    ])
  })
})

describe('the logo of a theme', () => {
  it('OPS-02 its path begins where the configuration is, and its content says what it is', () => {
    mkdirSync(join(folder, 'own'))
    writeFileSync(join(folder, 'own/logo.txt'), SVG)
    writeFileSync(join(folder, 'own/latchkey.json'), JSON.stringify({ theme: { name: 'Fabrikam', logo: 'logo.txt' } }))
    const { theme } = loadConfig(join(folder, 'own/latchkey.json'), {})
    expect(theme?.name).toBe('Fabrikam')
    expect(theme?.logo?.path).toMatch(/^\/assets\/logo\.[0-9a-f]{12}\.svg$/)
    writeFileSync(join(folder, 'logo.gif'), png(64, 64))
    const other = parseConfig({ theme: { logo: 'logo.gif' } }, {}, folder).theme
    expect(other?.logo).toMatchObject({ path: expect.stringMatching(/\.png$/), type: 'image/png' })
  })

  it('OPS-02 a file that is not there, not a picture, not square, too small or too large is refused', () => {
    expect(problems({ theme: { logo: 'nowhere.svg' } })).toEqual(['theme.logo: nowhere.svg: no such file'])
    expect(problems({ theme: { logo: '.' } })).toEqual(['theme.logo: .: is a folder'])
    expect(logoProblems('GIF89a')).toEqual(['theme.logo: logo: neither a PNG nor an SVG file'])
    expect(logoProblems(Buffer.from([0xff, 0xd8, 0xff]))).toEqual(['theme.logo: logo: neither a PNG nor an SVG file'])
    expect(logoProblems('<html><svg/></html>')).toEqual(['theme.logo: logo: neither a PNG nor an SVG file'])
    expect(logoProblems(png(200, 100))).toEqual(['theme.logo: logo: is 200 by 100; its place is square'])
    expect(logoProblems(png(32, 32))).toEqual(['theme.logo: logo: 32 by 32 pixels; at least 64 by 64 are needed'])
    expect(logoProblems(png(64, 64).subarray(0, 20))).toEqual(['theme.logo: logo: a PNG file that is not whole'])
    expect(logoProblems(`${SVG}${' '.repeat(64 * 1024)}`)).toEqual(['theme.logo: logo: larger than 64 KB'])
    expect(logoProblems(SVG.replace('0 0 32 32', '0 0 320 32'))).toEqual([
      'theme.logo: logo: is 320 by 32; its place is square',
    ])
    expect(logoProblems(SVG.replace('viewBox', 'box'))).toEqual([
      'theme.logo: logo: has no viewBox, so it cannot be made to fit',
    ])
  })

  it('OPS-02 SVG as programs write it is taken', () => {
    const plain = `<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"
      xmlns:xlink="http://www.w3.org/1999/xlink" width="100%" viewBox="-4,-4 100.5 100"><title>A > B</title>
      <defs><linearGradient id="a"><stop offset="0" stop-color="#fff"/></linearGradient></defs><style>.b{fill:red}</style>
      <g class="b" fill="url(#a)"><path d="M0 0h9"/></g><use xlink:href="#a" href='#a'/></svg>`
    expect(logoProblems(plain)).toEqual([])
  })

  const holds = (what: string) => [`theme.logo: logo: holds ${what}; save it as plain SVG that only draws`]
  it.each([
    ['<script>alert(1)</script>', '<script>'],
    ['<SCRIPT>alert(1)</SCRIPT>', '<SCRIPT>'],
    ['<x:script xmlns:x="http://www.w3.org/2000/svg">1</x:script>', '<x:script>'],
    ['<foreignObject><p>hello</p></foreignObject>', '<foreignObject>'],
    ['<a href="#a"><path d=""/></a>', '<a>'],
    ['<animate attributeName="href" to="javascript:1"/>', '<animate>'],
    ['<image href="#a"/>', '<image>'],
    ['<path d="" onclick="alert(1)"/>', 'onclick'],
    ['<path d=""\nONLOAD = "alert(1)"/>', 'ONLOAD'],
    ['<![CDATA[<script>]]>', '<![CDATA[<script'],
    ['<?xml-stylesheet href="#a"?>', '<?xml-stylesheet'],
  ])('OPS-02 SES-03 %s is refused', (part, what) => {
    expect(logoProblems(SVG.replace('<circle', `${part}<circle`))).toEqual(holds(what))
  })

  it.each([
    '<use href="https://evil.example/a.svg#a"/>',
    "<use xlink:href = '//evil.example/a'/>",
    '<use href="&#104;ttps://evil.example"/>',
    '<path fill="url(https://evil.example/a)"/>',
    '<path fill="url( \'data:image/svg+xml,a\')"/>',
    '<style>@import "https://evil.example/a.css";</style>',
  ])('OPS-02 SES-03 %s is refused: it loads from elsewhere', (part) => {
    expect(logoProblems(SVG.replace('<circle', `${part}<circle`))).toEqual([
      expect.stringMatching(/^theme\.logo: logo: refers to something outside itself: /),
    ])
  })

  it('OPS-02 a document type is refused: what it declares could be anything', () => {
    expect(logoProblems(`<!DOCTYPE svg [<!ENTITY a "b">]>${SVG}`)).toEqual(holds('<!DOCTYPE'))
  })
})

describe('links at the foot', () => {
  it('OPS-02 they are https', () => {
    expect(problems({ links: { privacy: 'http://example.com', help: 'help' } })).toEqual([
      'links.privacy: must be an address that begins with https://',
      'links.help: must be an address that begins with https://',
    ])
    expect(problems({ links: { privacy: 'javascript:alert(1)' } })).toHaveLength(1)
    expect(parseConfig({ links: { help: 'https://example.com/help' } }, {}).links).toEqual({
      help: 'https://example.com/help',
    })
  })
})
