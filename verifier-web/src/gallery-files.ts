// Writes the gallery as files, so that one can open it in a browser: `npm run gallery [folder]`. A folder for each
// language, and an index of them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { STYLESHEET } from './assets.ts'
import { gallery, galleryAssets, noticeGallery } from './gallery.ts'
import { LOCALES, langOf } from './locales/locale.ts'

const folder = resolve(process.argv[2] ?? './data/gallery')
mkdirSync(join(folder, 'assets'), { recursive: true })
for (const asset of galleryAssets) writeFileSync(join(folder, asset.path), asset.body)

for (const locale of LOCALES) {
  const own = join(folder, langOf(locale))
  mkdirSync(own, { recursive: true })
  // Relative addresses: the files open from a disk, without a server.
  for (const { name, html } of gallery) {
    writeFileSync(join(own, `${name}.html`), html({ locale, base: '..', stylesheet: `..${STYLESHEET.path}` }))
  }
  for (const { name, message } of noticeGallery) writeFileSync(join(own, `${name}.html`), message(locale).html)
  const frames = [...gallery, ...noticeGallery].map(
    ({ name }) => `<figure><figcaption><a href="${name}.html">${name}</a></figcaption>
<iframe src="${name}.html" title="${name}" width="390" height="844" loading="lazy"></iframe></figure>`,
  )
  writeIndex(own, frames)
}

writeIndex(
  folder,
  LOCALES.map((locale) => `<p><a href="${langOf(locale)}/index.html" lang="${langOf(locale)}">${locale.name}</a></p>`),
)
console.log(join(folder, 'index.html'))

function writeIndex(place: string, parts: readonly string[]): void {
  writeFileSync(
    join(place, 'index.html'),
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Gallery</title>
<style>body{display:flex;flex-wrap:wrap;gap:1rem;font:16px system-ui;color-scheme:light dark}</style>
${parts.join('\n')}</html>`,
  )
}
