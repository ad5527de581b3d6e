// How the element looks until a page says otherwise: by the custom properties below, or by ::part. All sizes follow the
// element's font-size, so that a TV app sets one number.

export const STYLE = `
:host {
  --_ink: var(--latchkey-ink, #1c1b19);
  --_quiet: var(--latchkey-quiet, #5d5a54);
  --_line: var(--latchkey-line, #dcd9d2);
  --_key: var(--latchkey-key, #0f5c4c);
  --_on-key: var(--latchkey-on-key, #fff);
  display: block;
  box-sizing: border-box;
  color: var(--_ink);
  font: var(--latchkey-font-size, 1rem)/1.4 var(--latchkey-font, system-ui, sans-serif);
}
:host([hidden]) { display: none }
@media (prefers-color-scheme: dark) {
  :host(:not([theme=light])) {
    --_ink: var(--latchkey-ink, #f1efe9);
    --_quiet: var(--latchkey-quiet, #aaa69c);
    --_line: var(--latchkey-line, #34352f);
    --_key: var(--latchkey-key, #6fd3b8);
    --_on-key: var(--latchkey-on-key, #06231c);
  }
}
:host([theme=dark]) {
  --_ink: var(--latchkey-ink, #f1efe9);
  --_quiet: var(--latchkey-quiet, #aaa69c);
  --_line: var(--latchkey-line, #34352f);
  --_key: var(--latchkey-key, #6fd3b8);
  --_on-key: var(--latchkey-on-key, #06231c);
}
[hidden] { display: none !important }
.card { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 2em 3em }
.words { flex: 1 1 20em; min-width: 0 }
h2, p { margin: 0 }
h2 { font-size: 2.4em; font-weight: 650; line-height: 1.12; letter-spacing: -.02em }
.line { margin-top: .9em; font-size: 1.25em; color: var(--_quiet) }
.address { display: block; margin-top: .1em; font-size: 1.3em; font-weight: 650; color: var(--_ink); overflow-wrap: anywhere }
.code {
  display: flex; flex-wrap: wrap; gap: 0 .45em; margin-top: .25em;
  font: 650 4.2em/1.25 var(--latchkey-code-font, ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace);
  letter-spacing: .06em;
}
.code span { white-space: nowrap }
.status { margin-top: .7em; font-size: 1.25em; color: var(--_quiet) }
.note { margin-top: 1.2em; max-width: 36em; padding-inline-start: .8em; border-inline-start: .2em solid var(--_line); color: var(--_quiet) }
.square { flex: 0 0 auto; width: var(--latchkey-qr-size, 16em); max-width: 100% }
.qr { overflow: hidden; border-radius: var(--latchkey-radius, .8em); background: #fff }
.qr svg { display: block; width: 100%; height: auto }
.number {
  border: .04em solid var(--_key); border-radius: .2em; text-align: center;
  font: 650 7em/1.4 var(--latchkey-code-font, ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace);
}
.time { display: flex; align-items: center; justify-content: center; gap: .6em; margin-top: .9em; color: var(--_quiet); font-size: 1.1em; font-variant-numeric: tabular-nums }
.time svg { width: 1.3em; height: 1.3em; flex: none; transform: rotate(-90deg) }
.time circle { fill: none; stroke: var(--_line); stroke-width: 4 }
.time circle + circle { stroke: var(--_key) }
.alone .time { justify-content: flex-start }
button {
  margin-top: 1.4em; min-height: 48px; padding: .6em 1.5em; border: 0; border-radius: var(--latchkey-radius, .6em);
  background: var(--_key); color: var(--_on-key); font: inherit; font-size: 1.25em; font-weight: 650; cursor: pointer;
}
button:focus { outline: .18em solid var(--_ink); outline-offset: .18em }
button:focus:not(:focus-visible) { outline: 0 }
.opened .qr { opacity: .25 }
`
