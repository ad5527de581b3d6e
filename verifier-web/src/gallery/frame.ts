// The frame itself: the choice of a language, and pages that carry somebody else's name.
import type { Chrome } from '../layout.tsx'
import { readLogo } from '../logo.ts'
import { devicePage } from '../pages/device.tsx'
import { languagePage } from '../pages/language.tsx'
import { signInPage } from '../pages/sign-in.tsx'
import { keyStylesheet, type Theme } from '../theme.ts'
import { ANA, ANYBODY, type GalleryEntry, TV } from './scene.ts'

const LOGO = readLogo(
  Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15" fill="#7a1fa2"/><path d="M8 21 16 9l8 12z" fill="#fff"/></svg>',
  ),
)
const THEME: Theme = {
  name: 'Fabrikam Sport',
  stylesheet: keyStylesheet({ light: '#7a1fa2', dark: '#d9a8f0' }),
  ...('logo' in LOGO ? { logo: LOGO.logo } : {}),
}
const links = { privacy: 'https://northwind.example/privacy', help: 'https://northwind.example/help' }

/** What the pages here load beside ASSETS. */
export const THEME_ASSETS = [THEME.stylesheet, THEME.logo].filter((asset) => asset !== undefined)

const choice = (around: Partial<Chrome> = {}) => {
  const { languages: _, ...chrome }: Chrome = { ...ANYBODY, ...around }
  return languagePage(chrome, { from: '/link' })
}

export const framePages: readonly GalleryEntry[] = [
  { name: 'language', html: choice },
  {
    name: 'theme-sign-in',
    html: (a) => signInPage({ ...ANYBODY, theme: THEME, links, ...a }, { for: 'Fabrikam Sport' }),
  },
  {
    name: 'theme-device',
    html: (a) => devicePage({ ...ANA, theme: THEME, ...a }, { ...TV, client: 'Fabrikam Sport' }),
  },
]
