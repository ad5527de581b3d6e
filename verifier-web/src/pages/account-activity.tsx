// What happened to the account lately, in words, so that its person notices what was not them.
import { Ago, accountPart, type When } from '../account-parts.tsx'
import type { Chrome } from '../layout.tsx'
import type { Words } from '../locales/locale.ts'
import { oneLine } from '../sentence.ts'

/** What can have happened, by the names of its sentences. */
export type Happening = Exclude<keyof Words['activity'], 'title' | 'lead' | 'none' | 'notYou'>

export interface Activity {
  readonly happened: Happening
  readonly when: When
  /** The device or app that it happened to. */
  readonly name?: string
}

/** The newest comes first. */
export function activityPage(chrome: Chrome, model: { readonly activities: readonly Activity[] }): string {
  const { activity } = chrome.locale.words
  return accountPart(
    chrome,
    activity.title,
    <>
      <h1>{activity.title}</h1>
      <p class="lead">{activity.lead}</p>
      <section aria-label={activity.title}>
        {model.activities.length === 0 && <p class="nothing">{activity.none}</p>}
        {model.activities.length > 0 && (
          <ul class="rows">
            {model.activities.map(({ happened, when, name }, index) => (
              <li key={index} class="row">
                <span class="what">
                  <strong>{activity[happened]}</strong>
                  <span class="dotted">
                    {oneLine(name) !== undefined && (
                      <span>
                        <bdi>{oneLine(name)}</bdi>
                      </span>
                    )}
                    <Ago chrome={chrome} when={when} />
                  </span>
                </span>
              </li>
            ))}
          </ul>
        )}
      </section>
      <p class="hint">{activity.notYou}</p>
    </>,
  )
}
