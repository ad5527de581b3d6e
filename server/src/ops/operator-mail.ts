// What operators read when somebody attacks or is attacked: what happened, ids, and what to look at. In English, as the
// command line is; what their users read is in the pages' own catalogue.
import type { ProtocolEvent } from '../oauth/provider.ts'

const TEXTS: Partial<Readonly<Record<ProtocolEvent['event'], { readonly subject: string; readonly text: string }>>> = {
  reported: {
    subject: 'Somebody reported a code that was sent to them',
    text: 'A person answered “someone sent me this code”. What was begun from the same place was ended, as far as the numbers below say. Look for others who were sent codes, and warn them: nobody from support ever asks for one.',
  },
  many_wrong_codes: {
    subject: 'Somebody guesses codes',
    text: 'So many wrong codes were typed that nobody can type one for a while. Look in the log for the accounts and networks that they came from.',
  },
}

interface Surroundings {
  readonly brand: string
  readonly issuer: string
  /** Epoch milliseconds. */
  readonly at: number
}

/** Undefined for what operators are not written to about. `ids` are printed as they are: they hold no text of strangers. */
export function operatorMail(
  event: ProtocolEvent['event'],
  ids: object,
  { brand, issuer, at }: Surroundings,
): { readonly subject: string; readonly text: string } | undefined {
  const said = TEXTS[event]
  if (said === undefined) return undefined
  const when = new Date(at).toISOString()
  const lines = Object.entries(ids).map(([name, value]) => `${name}: ${value}`)
  const facts = [`server: ${issuer}`, `when: ${when}`, ...lines].join('\n')
  const next = `latchkey audit list --since ${when.slice(0, 10)}\nlatchkey link list`
  return { subject: `${brand}: ${said.subject}`, text: `${said.text}\n\n${facts}\n\n${next}\n` }
}
