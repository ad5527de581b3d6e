// The messages that people get, to look at beside the pages; their test opens the HTML as a mail program does.
import type { Locale } from '../locales/locale.ts'
import { CHANGES, changeNotice, deviceNotice, type Message, resetNotice } from '../notices.tsx'

export interface NoticeEntry {
  readonly name: string
  readonly message: (locale: Locale) => Message
}

const NOON = Date.UTC(2030, 0, 15, 12)
const common = (locale: Locale) => ({
  locale,
  brand: 'Northwind TV',
  at: NOON,
  account: 'https://id.example.com/account',
})
const link = { undo: 'https://id.example.com/undo/c2VhbGVk', undoUntil: NOON + 30 * 24 * 60 * 60 * 1000 }

/** A device that calls itself by any text. */
function deviceBy(name: string, text: string): NoticeEntry {
  const from = { address: '203.0.113.7', country: 'DE' }
  return {
    name,
    message: (locale) => deviceNotice({ ...common(locale), ...link, name: text, client: 'Northwind TV', from }),
  }
}

const asked = (locale: Locale) => ({
  ...common(locale),
  from: { address: '203.0.113.7', country: 'DE' },
  forSeconds: 1800,
})

export const noticeGallery: readonly NoticeEntry[] = [
  deviceBy('notice-device', 'Living room TV'),
  {
    name: 'notice-device-silent',
    message: (locale) => deviceNotice({ ...common(locale), ...link, client: 'Northwind TV' }),
  },
  deviceBy('notice-script', `"'><script>document.title='owned'</script><img src=https://evil.example/x.png>&lt;`),
  deviceBy('notice-reversed', '\u202Eevil\u2066 \u200Bword\u0000s\r\nBcc: evil@evil.example\u2028two lines'),
  deviceBy('notice-long', 'Wohnzimmerfernsehempfangsgerät'.repeat(10)),
  deviceBy('notice-link', 'https://evil.example/?a=1 www.evil.example evil\u3002example tel:+1800555 a@evil.example'),
  {
    name: 'notice-reset',
    message: (locale) =>
      resetNotice({ ...asked(locale), kind: 'choose', reset: 'https://id.example.com/reset-password/c2VhbGVk' }),
  },
  {
    name: 'notice-reset-elsewhere',
    message: (locale) =>
      resetNotice({ ...asked(locale), kind: 'elsewhere', passkey: true, upstreams: ['Northwind TV'] }),
  },
  { name: 'notice-reset-ask', message: (locale) => resetNotice({ ...asked(locale), kind: 'ask' }) },
  ...CHANGES.map((change) => ({
    name: `notice-${change.replaceAll('_', '-')}`,
    message: (locale: Locale) => changeNotice({ ...common(locale), change }),
  })),
]
