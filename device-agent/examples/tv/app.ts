// A TV app in one page: sign in with the phone, see the library, sign out. Arrow keys and OK are all there is.
import { AgentError, type DeviceAgent } from '@latchkey/device-agent/browser'

const ACROSS = 4

const { issuer = '', clientId = '', api = '' } = document.body.dataset
const main = find('main')
const hint = find('hint')
const signOut = find('sign-out')

let unlink: (() => Promise<boolean>) | undefined

function showSignIn(): void {
  const link = document.createElement('latchkey-link')
  const attributes = {
    issuer,
    'client-id': clientId,
    scope: 'openid profile offline_access library:read',
    resource: api,
    'device-name': 'Living room TV',
    'device-model': 'Northwind N55',
    theme: 'dark',
  }
  for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value)
  // Whoever came to this screen wants to sign in: that is the one trigger for the one code. More take OK.
  link.toggleAttribute('autostart', true)
  link.addEventListener('latchkey-linked', ({ detail: { agent, linked } }) => {
    unlink = () => link.unlink()
    void showLibrary(agent, linked.subject?.name)
  })
  signOut.hidden = true
  hint.textContent = ''
  show(link)
}

async function showLibrary(agent: DeviceAgent, name: string | undefined): Promise<void> {
  signOut.hidden = false
  let shows: readonly string[]
  try {
    const answer = await agent.fetch(`${api}/library`)
    if (!answer.ok) throw new Error(`the library answered ${answer.status}`)
    const body = (await answer.json()) as { readonly shows: readonly string[] }
    shows = body.shows
  } catch (error) {
    // Taken back on the phone, or by the server: a person has to sign in again.
    if (error instanceof AgentError && error.reason === 'unlinked') return showSignIn()
    return showTrouble(() => void showLibrary(agent, name))
  }
  const grid = document.createElement('div')
  grid.className = 'grid'
  grid.append(
    ...shows.map((title, index) => {
      const tile = document.createElement('button')
      tile.type = 'button'
      tile.textContent = title
      tile.style.setProperty('--hue', String((160 + index * 67) % 360))
      tile.addEventListener('click', () => {
        hint.textContent = `“${title}” would play now.`
      })
      return tile
    }),
  )
  show(heading(name === undefined ? 'Your library' : `${name}’s library`), grid)
  hint.textContent = 'Arrow keys to choose, OK to play'
  tiles()[0]?.focus()
}

function showTrouble(again: () => void): void {
  const why = document.createElement('p')
  why.className = 'trouble'
  why.textContent = 'The library cannot be reached. You are still signed in.'
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = 'Try again'
  button.style.cssText = 'align-self:flex-start;padding:.8rem 1.6rem'
  button.addEventListener('click', again)
  show(heading('No connection'), why, button)
  button.focus()
}

signOut.addEventListener('click', async () => {
  signOut.hidden = true
  await unlink?.()
  showSignIn()
})

// OK is Enter, which presses what has the focus: only the arrows need help.
document.addEventListener('keydown', (event) => {
  const all = tiles()
  const at = all.findIndex((tile) => tile.matches(':focus'))
  const steps: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -ACROSS, ArrowDown: ACROSS }
  const step = steps[event.key]
  if (step === undefined) return
  if (document.activeElement === signOut && event.key === 'ArrowDown') all[0]?.focus()
  else if (at >= 0 && event.key === 'ArrowUp' && at < ACROSS) signOut.focus()
  else if (at >= 0) all[at + step]?.focus()
  else return
  event.preventDefault()
})

function show(...children: readonly Node[]): void {
  main.textContent = ''
  main.append(...children)
}

function tiles(): readonly HTMLElement[] {
  return [...main.querySelectorAll<HTMLElement>('.grid button')]
}

function heading(text: string): HTMLElement {
  return Object.assign(document.createElement('h2'), { textContent: text })
}

function find(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (!element) throw new Error(`no #${id} in the page`)
  return element
}

showSignIn()
