// The kiosk page before anything has happened: the skeleton that browser/page.ts fills, and nothing else. Styles and
// script are files of their own, because the policy allows none inside the page.
import type { CheckedBrand } from './brand.ts'

/** The key mark, image/svg+xml. */
export function markFile({ key, onKey }: CheckedBrand): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="${key}"/><g fill="none" stroke="${onKey}" stroke-width="2.25" stroke-linecap="round" stroke-linejoin="round">${KEY_MARK}</g></svg>`
}

/** What the stylesheet needs to know of the brand. */
export function brandStyle({ key, onKey }: CheckedBrand): string {
  return `:root { --key: ${key}; --on-key: ${onKey}; }\n`
}

export function pageFile(brand: CheckedBrand): string {
  const name = escaped(brand.name)
  const idle = brand.idle === undefined ? '' : ` data-idle="${escaped(brand.idle)}"`
  return `<!doctype html>
<html lang="en" class="${brand.theme}"${idle}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${name}</title>
<link rel="icon" href="/mark.svg">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body>
<p id="announcement" class="unseen" role="status"></p>
<main id="stage">
<div id="words">
<p id="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9"/><g>${KEY_MARK}</g></svg><span>${name}</span></p>
<h1 id="title">One moment</h1>
<p id="lead" hidden></p>
<p id="address" dir="ltr" hidden></p>
<p id="ask" hidden></p>
<p id="code" role="img" dir="ltr" hidden></p>
<button id="ok" type="button" hidden></button>
<p id="status" hidden></p>
</div>
<div id="side">
<div id="picture">
<div id="card" data-kind="square" hidden><svg id="square" role="img" aria-label="QR code for the address" shape-rendering="crispEdges"><rect width="100%" height="100%" fill="#ffffff"/><path fill="#000000"/></svg></div>
<p id="number" data-kind="number" hidden><span id="number-ask"></span><strong id="digits"></strong></p>
${DRAWINGS.map(([kind, drawing]) => `<svg class="drawing" data-kind="${kind}" viewBox="0 0 120 120" aria-hidden="true"${kind === 'waiting' ? '' : ' hidden'}>${drawing}</svg>`).join('\n')}
</div>
<div id="timer" role="timer" hidden><svg viewBox="0 0 40 40" aria-hidden="true"><circle class="track" cx="20" cy="20" r="17"/><circle id="ring" cx="20" cy="20" r="17" pathLength="100"/></svg><span id="count"></span><span id="unit"></span></div>
</div>
</main>
</body>
</html>
`
}

const KEY_MARK = '<circle cx="11.5" cy="16" r="4"/><path d="M15.5 16H25M20.5 16v3M25 16v4"/>'

const FACE = '<circle class="face" cx="60" cy="60" r="50"/>'

// One line weight, one circle: what stands on the right when there is nothing to scan.
const DRAWINGS = [
  [
    'phone',
    '<rect class="face" x="34" y="8" width="52" height="104" rx="10"/><path class="quiet" d="M54 17h12M44 34h32M44 44h22"/><rect class="slot" x="43" y="55" width="34" height="16" rx="4"/><path class="quiet" d="M48 63h8m8 0h8"/><rect class="act" x="43" y="84" width="34" height="16" rx="5"/><path class="on-act" d="m55 92 3.5 3.5 6.5-7"/>',
  ],
  ['ticked', `${FACE}<path class="sign" d="m39 62 14 14 29-31"/>`],
  ['late', `${FACE}<path class="sign" d="M60 32v29l18 11"/>`],
  ['refused', `${FACE}<path class="sign" d="m43 43 34 34m0-34L43 77"/>`],
  [
    'offline',
    `${FACE}<path class="sign" d="M33 51c15-14 39-14 54 0M43 63c9.5-9 24.5-9 34 0"/><path class="sign" d="M60 78v.1"/><path class="strike" d="M38 88 82 32"/>`,
  ],
  ['warning', `${FACE}<path class="sign" d="M60 34v32m0 18v.1"/>`],
  ['key', `${FACE}<circle class="sign" cx="45" cy="60" r="13"/><path class="sign" d="M58 60h31M75 60v11M89 60v14"/>`],
  [
    'waiting',
    `${FACE}<circle class="dot" cx="40" cy="60" r="5"/><circle class="dot" cx="60" cy="60" r="5"/><circle class="dot" cx="80" cy="60" r="5"/>`,
  ],
] as const

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/[&<>"]/g, (character) => names[character] ?? '')
}
