// A page as a person reads it, and what its forms carry.

/** The words in order, without tags. */
export function textOf(html: string): string {
  return html
    .replace(/<head>[\s\S]*?<\/head>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
}

/** The title, without the name of the service. */
export function titleOf(html: string): string | undefined {
  return /<title>([^<·]*)/.exec(html)?.[1]?.trim()
}

/** What the first field of this name holds; empty where there is none. */
export function fieldIn(html: string, name: string): string {
  return new RegExp(`name="${name}" value="([^"]+)"`).exec(html)?.[1] ?? ''
}

/** The token of the first form; empty where there is none. */
export function csrfIn(html: string): string {
  return fieldIn(html, 'csrf')
}

/** The page without what is new each time that it is asked for: tokens, and what a passkey is asked with. */
export function withoutTokens(html: string): string {
  return html.replace(/(name="csrf" value|data-options)="[^"]+"/g, '')
}
