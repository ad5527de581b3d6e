// Other providers that people sign in with: their buttons, and what became of a sign-in there. The pages that show
// both are pages/sign-in.tsx and pages/identities.tsx.
import type { Chrome } from './layout.tsx'
import type { Words } from './locales/locale.ts'
import { Notice } from './parts.tsx'
import { oneLine, say } from './sentence.ts'

/** A provider as people know it; `id` is part of its address. */
export interface UpstreamChoice {
  readonly id: string
  readonly name: string
}

const SENTENCES = {
  unreachable: 'unreachable',
  failed: 'failed',
  refused: 'refused',
  run_out: 'runOut',
  not_anew: 'notAnew',
  too_many: 'tooMany',
  closed: 'closed',
  unknown: 'unknown',
  taken: 'taken',
  no_address: 'noAddress',
  other_provider: 'otherProvider',
  linked: 'linked',
  already: 'already',
  anothers: 'anothers',
  removed: 'removed',
  last_way: 'lastWay',
} as const satisfies Record<string, keyof Words['upstream']['news']>

/** What became of a sign-in with another provider, or of a change to what is linked. */
export type UpstreamNews = keyof typeof SENTENCES

const GOOD: readonly UpstreamNews[] = ['linked', 'already', 'removed']

/** Nothing has come of it. */
export function isTrouble(news: UpstreamNews | undefined): boolean {
  return news !== undefined && !GOOD.includes(news)
}

interface NewsProps {
  readonly chrome: Chrome
  /** The provider's name. */
  readonly provider: string
  readonly news: UpstreamNews
}

export function UpstreamNotice({ chrome, provider, news }: NewsProps) {
  const { words } = chrome.locale
  return (
    <Notice mood={!isTrouble(news) ? 'good' : news === 'refused' ? 'warn' : 'bad'}>
      {say(words.upstream.news[SENTENCES[news]], { provider: <bdi>{oneLine(provider)}</bdi> })}
    </Notice>
  )
}

interface ButtonsProps {
  readonly chrome: Chrome
  readonly upstreams: readonly UpstreamChoice[]
  /** There is no other way in on the page. */
  readonly alone: boolean
}

/**
 * Ways on to other providers. Links, though they look like buttons: browsers hold the policy for forms against every
 * redirect that follows, and nobody knows through how many sites a provider sends people.
 */
export function UpstreamButtons({ chrome, upstreams, alone }: ButtonsProps) {
  const { words } = chrome.locale
  if (upstreams.length === 0) return null
  return (
    <>
      {!alone && <p class="or">{words.upstream.or}</p>}
      <ul class="providers" aria-label={words.upstream.others}>
        {upstreams.map(({ id, name }) => (
          <li key={id}>
            <a
              class={alone && upstreams.length === 1 ? 'button key' : 'button'}
              href={`${chrome.base}/sign-in/with/${id}`}
            >
              <span>{say(words.upstream.continue, { provider: <bdi>{oneLine(name)}</bdi> })}</span>
            </a>
          </li>
        ))}
      </ul>
    </>
  )
}
