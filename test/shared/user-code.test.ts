// The code that a person carries from one screen to another: how it is made and what is forgiven when it is typed.
import {
  displayUserCode,
  makeUserCode,
  normaliseUserCode,
  USER_CODE_ALPHABET,
  USER_CODE_LENGTH,
} from '@latchkey/shared'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeHost } from '../support/fake-host.ts'

const CODE = 'WDJBMJHT'

describe('making', () => {
  it('DEV-04 DEV-06 eight of twenty consonants, shown in two groups', () => {
    expect(USER_CODE_ALPHABET).toBe('BCDFGHJKLMNPQRSTVWXZ')
    expect(USER_CODE_LENGTH).toBe(8)
    expect(Math.log2(USER_CODE_ALPHABET.length ** USER_CODE_LENGTH)).toBeCloseTo(34.58, 2)
    const { entropy } = fakeHost()
    for (let index = 0; index < 2_000; index++) {
      const code = makeUserCode(entropy)
      expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/)
      expect(displayUserCode(code)).toMatch(/^[B-Z]{4}-[B-Z]{4}$/)
      expect(normaliseUserCode(displayUserCode(code))).toBe(code)
    }
  })

  it('DEV-06 every letter is equally likely, overall and at every place (chi-square)', () => {
    const { entropy } = fakeHost({ seed: 7 })
    const codes = Array.from({ length: 40_000 }, () => makeUserCode(entropy))
    const places = Array.from({ length: USER_CODE_LENGTH }, (_, place) => codes.map((code) => code.charAt(place)))
    for (const letters of [places.flat(), ...places]) {
      const counts = new Map([...USER_CODE_ALPHABET].map((letter) => [letter, 0]))
      for (const letter of letters) counts.set(letter, (counts.get(letter) ?? 0) + 1)
      const expected = letters.length / USER_CODE_ALPHABET.length
      const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
      // 19 degrees of freedom: less than 1 in 10,000 fair sources passes 52; `byte % 20` would reach about 330 overall.
      expect(chiSquare).toBeLessThan(52)
    }
  })

  it('DEV-06 every byte below 240 is used, every other one thrown away', () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => byte)
    let next = 0
    const entropy = (size: number) => Uint8Array.from({ length: size }, () => bytes[next++ % 256] ?? 0)
    const letters = Array.from({ length: 30 }, () => makeUserCode(entropy)).join('')
    expect(letters).toBe(USER_CODE_ALPHABET.repeat(12))
  })

  it('DEV-06 a source that starts with unusable bytes is asked again', () => {
    let calls = 0
    expect(makeUserCode((size) => new Uint8Array(size).fill(calls++ === 0 ? 255 : 0))).toBe('BBBBBBBB')
  })
})

describe('typing', () => {
  it.each([
    'wdjb mjht',
    'WDJB–MJHT',
    'WDJB—MJHT',
    'WDJB\u00a0MJHT',
    'WDJB\u200bMJHT',
    '\u200fWDJB\u200f-MJHT',
    'WDJB\r\nMJHT\n',
    '\ufeff wdjb_mjht.',
    'W D J B M J H T',
    'ＷＤＪＢ－ＭＪＨＴ',
    'ｗｄｊｂ　ｍｊｈｔ',
    '"WDJB-MJHT"',
    'wdjb\tmjht',
    'WDJB\u00adMJHT',
  ])('UX-02 NEG-05 %j is read as the code', (typed) => {
    expect(normaliseUserCode(typed)).toBe(CODE)
  })

  it('DEV-05 digits that look like letters count as those: 5/8/2/1 are S/B/Z/L', () => {
    expect(normaliseUserCode('5821-5821')).toBe('SBZLSBZL')
    expect(normaliseUserCode('５８２１ｓｂｚｌ')).toBe('SBZLSBZL')
    expect(normaliseUserCode('0345-679')).toBeUndefined()
  })

  it('DEV-05 exactly eight letters, or no code', () => {
    for (const typed of ['', '-', 'WDJB-MJH', 'WDJB-MJHTT', `${CODE}${CODE}`]) {
      expect(normaliseUserCode(typed)).toBeUndefined()
    }
  })

  it('DEV-05 vowels and Y are no letters of ours', () => {
    expect(normaliseUserCode('AEIOUYWDJBMJHTaeiouy')).toBe(CODE)
  })

  it('DEV-05 64 characters are read and no more', () => {
    expect(normaliseUserCode(CODE + ' '.repeat(56))).toBe(CODE)
    expect(normaliseUserCode(CODE + ' '.repeat(57))).toBeUndefined()
    expect(normaliseUserCode('x'.repeat(10_000_000))).toBeUndefined()
  })

  it('DEV-05 no rules of a locale: ß is not SS, dotless and dotted i are nothing', () => {
    for (const stranger of ['ß', 'ẞ', 'ı', 'İ']) {
      expect(normaliseUserCode(`WDJBMJ${stranger}`)).toBeUndefined()
      expect(normaliseUserCode(`${CODE}${stranger}`)).toBe(CODE)
    }
  })

  it.each([
    ['Cyrillic', 'ВСНКМРТХЅЈԌԜ'],
    ['Cyrillic, small', 'вснкмртхѕјԍԝ'],
    ['Greek', 'ΒΗΚΜΝΡΤΧΖ'],
    ['Greek, small', 'βηκμνρτχζ'],
    ['Cherokee', 'ᏴᏟᎠᎻᏞᎷᏒᏚᎢᏙᏃ'],
    ['Lisu', 'ꓐꓚꓓꓝꓖꓧꓙꓗꓡꓟꓠꓑꓢꓔꓦꓪꓫꓜ'],
    ['small capitals', 'ʙᴄᴅꜰɢʜᴊᴋʟᴍɴᴘꞯʀꜱᴛᴠᴡᴢ'],
    ['emoji of letters', '🅱🅿🆎🆑🆒🇧🇨🇩🇫🇬'],
    ['emoji that hide letters', 'Ⓜ️™️Ⓜ™'],
    ['keycaps', '1️⃣2️⃣5️⃣8️⃣1⃣'],
    ['other emoji', '😀👍🏽👨‍👩‍👧‍👦❤️'],
    ['other digits', '१२५८١٢٥٨'],
  ])('NEG-05 %s never count as letters', (_, strangers) => {
    expect(normaliseUserCode(`${CODE}${strangers}`)).toBe(CODE)
    for (const stranger of strangers.match(/\P{M}[\p{M}\u200d]*/gu) ?? []) {
      expect(normaliseUserCode(`WDJBMJH${stranger}`)).toBeUndefined()
    }
  })

  it('DEV-05 UX-02 whatever is typed gives eight letters of ours or nothing, and normalising twice changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (typed) => {
        const code = normaliseUserCode(typed)
        if (code === undefined) return
        expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/)
        expect(normaliseUserCode(code)).toBe(code)
      }),
      { seed: 1 },
    )
    const noise = fc.constantFrom(' ', '-', '–', '\u00a0', '\u200b', '\u200f', '\n', '.')
    fc.assert(
      fc.property(
        fc.array(noise, { minLength: 8, maxLength: 8 }),
        fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
        (marks, lower) => {
          const typed = [...CODE].map((letter, at) => (lower[at] ? letter.toLowerCase() : letter) + marks[at]).join('')
          expect(normaliseUserCode(typed)).toBe(CODE)
        },
      ),
      { seed: 1 },
    )
  })
})
