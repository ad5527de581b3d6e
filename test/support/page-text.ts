// A page as a person reads it.

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
