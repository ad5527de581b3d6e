// Writes the gallery as files, so that one can open it in a browser: `npm run gallery [folder]`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MARK, STYLESHEET } from './assets.ts'
import { gallery } from './gallery.ts'

const folder = resolve(process.argv[2] ?? './data/gallery')
mkdirSync(join(folder, 'assets'), { recursive: true })
for (const asset of [STYLESHEET, MARK]) writeFileSync(join(folder, asset.path), asset.body)
// Relative addresses: the files open from a disk, without a server.
for (const { name, html } of gallery) {
  writeFileSync(join(folder, `${name}.html`), html({ base: '.', stylesheet: `.${STYLESHEET.path}` }))
}
const frames = gallery.map(
  ({ name }) => `<figure><figcaption><a href="${name}.html">${name}</a></figcaption>
<iframe src="${name}.html" title="${name}" width="390" height="844" loading="lazy"></iframe></figure>`,
)
writeFileSync(
  join(folder, 'index.html'),
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Gallery</title>
<style>body{display:flex;flex-wrap:wrap;font:16px system-ui;color-scheme:light dark}</style>
${frames.join('\n')}</html>`,
)
console.log(join(folder, 'index.html'))
