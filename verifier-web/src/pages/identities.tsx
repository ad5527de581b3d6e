// Accounts elsewhere that sign a person in here: which there are, adding one, removing one. The sign-in itself happens
// at the other provider; its button is in ../upstream.tsx.
import { Ago, accountPart, GoOn, type When } from '../account-parts.tsx'
import type { Chrome } from '../layout.tsx'
import { Email, Form, Notice } from '../parts.tsx'
import { oneLine, say, sayText } from '../sentence.ts'
import { isTrouble, type UpstreamChoice, type UpstreamNews, UpstreamNotice } from '../upstream.tsx'

const LONGEST_ADDRESS = 254

export interface LinkedIdentity {
  /** Sent back to remove it. */
  readonly id: string
  /** What people know the provider by; its host where it is not offered any more. */
  readonly provider: string
  /** What the account is called there: somebody else's words. */
  readonly name?: string
  readonly added: When
  readonly used: When
  /** The configuration does not name its provider any more: it signs nobody in. */
  readonly gone: boolean
}

export interface IdentitiesModel {
  readonly identities: readonly LinkedIdentity[]
  readonly upstreams: readonly UpstreamChoice[]
  readonly news?: { readonly provider: string; readonly news: UpstreamNews }
}

/** Posts `identity` to `/account/identities/remove`, and `upstream` (an id) to `/account/identities/add`. */
export function identitiesPage(chrome: Chrome, { identities, upstreams, news }: IdentitiesModel): string {
  const { words } = chrome.locale
  return accountPart(
    chrome,
    isTrouble(news?.news) ? sayText(words.sentence.problem, { title: words.identities.title }) : words.identities.title,
    <>
      <h1>{words.identities.title}</h1>
      <p class="lead">{words.identities.lead}</p>
      {news !== undefined && <UpstreamNotice chrome={chrome} {...news} />}
      {news?.news === 'linked' && <GoOn chrome={chrome} />}
      <section aria-labelledby="linked">
        <h2 id="linked">{words.identities.linked}</h2>
        {identities.length === 0 ? (
          <p class="nothing">{words.identities.none}</p>
        ) : (
          <ul class="rows">
            {identities.map((identity) => (
              <Identity key={identity.id} chrome={chrome} identity={identity} />
            ))}
          </ul>
        )}
      </section>
      {upstreams.length > 0 && (
        <section aria-labelledby="more">
          <h2 id="more">{words.identities.more}</h2>
          <Form chrome={chrome} action="/account/identities/add" class="providers">
            {upstreams.map(({ id, name }) => (
              <button key={id} type="submit" name="upstream" value={id}>
                <span>{say(words.identities.add, { provider: <bdi>{oneLine(name)}</bdi> })}</span>
              </button>
            ))}
          </Form>
        </section>
      )}
    </>,
  )
}

function Identity({ chrome, identity }: { readonly chrome: Chrome; readonly identity: LinkedIdentity }) {
  const { words } = chrome.locale
  const name = oneLine(identity.name, LONGEST_ADDRESS)
  return (
    <li>
      <Form chrome={chrome} action="/account/identities/remove" class="row">
        <input type="hidden" name="identity" value={identity.id} />
        <span class="what">
          <strong id={`identity-${identity.id}`}>
            <bdi>{oneLine(identity.provider)}</bdi>
          </strong>
          {name !== undefined && (
            <small>
              <bdi>{name}</bdi>
            </small>
          )}
          <span class="dotted">
            <span>{say(words.identities.added, { ago: <Ago chrome={chrome} when={identity.added} /> })}</span>
            {identity.gone ? (
              <span class="late">{words.identities.gone}</span>
            ) : (
              <span>{say(words.identities.used, { ago: <Ago chrome={chrome} when={identity.used} /> })}</span>
            )}
          </span>
        </span>
        <button type="submit" class="plain" aria-describedby={`identity-${identity.id}`}>
          {words.identities.remove}
        </button>
      </Form>
    </li>
  )
}

export interface AddIdentityModel {
  readonly upstream: UpstreamChoice
}

/** Says what is about to be given away before anybody is sent off. Its way on is a link: see ../upstream.tsx. */
export function addIdentityPage(chrome: Chrome, { upstream }: AddIdentityModel): string {
  const { words } = chrome.locale
  const provider = <bdi>{oneLine(upstream.name)}</bdi>
  const email = <Email address={chrome.account?.email} />
  return accountPart(
    chrome,
    words.identities.confirm.title,
    <>
      <h1>{say(words.identities.confirm.heading, { provider })}</h1>
      <p class="lead">{words.identities.confirm.lead}</p>
      <Notice mood="warn">{say(words.identities.confirm.means, { email })}</Notice>
      <p class="answers">
        <a class="button" href={`${chrome.base}/account/identities`}>
          {words.identities.confirm.no}
        </a>
        <a class="button key" href={`${chrome.base}/sign-in/with/${upstream.id}`}>
          <span>{say(words.identities.confirm.go, { provider })}</span>
        </a>
      </p>
    </>,
  )
}
