// Drawings, all of them ornaments: each stands beside text that says the same, so assistive technology skips them.
// Colours come from the stylesheet: the policy of these pages allows no style attributes.
import type { ComponentChildren } from 'preact'

interface DrawingProps {
  readonly kind: string
  readonly children: ComponentChildren
}

function Drawing({ kind, children }: DrawingProps) {
  return (
    <svg class={`icon ${kind}`} viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  )
}

export const Tick = () => (
  <Drawing kind="tick">
    <path d="m5 12.5 4.5 4.5L19 7.5" />
  </Drawing>
)

export const Warning = () => (
  <Drawing kind="warning">
    <path d="M12 4 2.8 19.5h18.4zM12 10v4.5M12 17v.1" />
  </Drawing>
)

export const Eye = () => (
  <Drawing kind="eye">
    <path d="M2.5 12S6 5.8 12 5.8 21.5 12 21.5 12 18 18.2 12 18.2 2.5 12 2.5 12z" />
    <circle cx="12" cy="12" r="2.8" />
  </Drawing>
)

export const Clock = () => (
  <Drawing kind="clock">
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 7.5V12l3 2" />
  </Drawing>
)

export const Screen = () => (
  <Drawing kind="tv">
    <rect x="2.75" y="4.75" width="18.5" height="12" rx="2" />
    <path d="M8.5 20h7" />
  </Drawing>
)

export const Globe = () => (
  <Drawing kind="globe">
    <circle cx="12" cy="12" r="8.5" />
    <path d="M3.5 12h17M12 3.5c5 5 5 12 0 17c-5-5-5-12 0-17z" />
  </Drawing>
)

export const Key = () => (
  <Drawing kind="passkey-sign">
    <circle cx="7.75" cy="12" r="3.75" />
    <path d="M11.5 12h9.25M16.5 12v3M20.75 12v4" />
  </Drawing>
)

/** The way on, at the end of a row; the stylesheet turns it in languages that are read from the right. */
export const Onward = () => (
  <Drawing kind="onward">
    <path d="m9 5.5 6.5 6.5L9 18.5" />
  </Drawing>
)

/** The key in its square: the brand's place in the header. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="9" />
    <circle cx="11.5" cy="16" r="4" />
    <path d="M15.5 16H25M20.5 16v3M25 16v4" />
  </svg>
)

const SIGNS = {
  good: <path d="m25 25.5 5 5 9.5-10" />,
  still: <path d="m26.5 20 11 11m0-11-11 11" />,
  waiting: <path d="M21 25v.1M32 25v.1M43 25v.1" />,
  late: (
    <>
      <circle cx="32" cy="25" r="11" />
      <path d="M32 19v6.5l4 2.5" />
    </>
  ),
  bad: <path d="M32 18v9m0 5v.1" />,
}

/** The large picture of an outcome: the device's screen with one sign on it. */
export function Picture({ mood }: { readonly mood: keyof typeof SIGNS }) {
  return (
    <svg class={`picture ${mood}`} viewBox="0 0 64 56" width="96" height="84" aria-hidden="true" focusable="false">
      <rect x="3" y="3" width="58" height="44" rx="7" />
      <path class="stand" d="M22 53h20" />
      <g class="sign">{SIGNS[mood]}</g>
    </svg>
  )
}
