import { readHello, readNews, readScreenNumber } from '@latchkey/shared'
import { expect, it } from 'vitest'

it('DEV-23 AGT-08 opened may carry a number of two digits; whatever else stands there is as if it did not', () => {
  expect(readNews('{"event":"opened","number":"58"}')).toEqual({ event: 'opened', number: '58' })
  for (const number of ['"5"', '"580"', '58', '"5x"', '"５８"', '"58\\n"', '["58"]', 'null', '{"shown":"58"}', '""']) {
    expect([number, readNews(`{"event":"opened","number":${number}}`)]).toEqual([number, { event: 'opened' }])
  }
  expect(readNews('{"event":"approved","number":"58","colour":"blue"}')).toEqual({ event: 'approved' })
  expect(readScreenNumber('07')).toBe('07')
})

it('AGT-08 what is no news and no hello is nothing', () => {
  for (const text of ['', '[]', 'null', '"opened"', '{"event":"linked"}', '{"event":["opened"]}', '{']) {
    expect([text, readNews(text), readHello(text)]).toEqual([text, undefined, undefined])
  }
  expect(readHello('{"device_code":"a"}')).toEqual({ device_code: 'a' })
})
