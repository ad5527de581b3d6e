// <latchkey-link>: the agent as an element. It owns one agent, one attempt at a time, and the events that tell of it.
import { type Host, systemHost } from '@latchkey/shared'
import { DeviceAgent, type Linked, type LinkOptions, type LinkState } from '../core/agent.ts'
import { AgentError } from '../core/errors.ts'
import type { Fetch } from '../core/exchange.ts'
import { type BrowserStore, indexedDbStore } from './indexed-db-store.ts'
import { type LinkElementState, type Protection, stateAfter } from './link-state.ts'
import { type LinkView, linkView } from './link-view.ts'
import { ENGLISH, type LinkWords } from './words.ts'

export interface LinkElementEvents {
  /** Every change of what is shown. */
  'latchkey-state': CustomEvent<LinkElementState>
  /** Linked now (`restored` false), or found linked when the page opened. */
  'latchkey-linked': CustomEvent<{
    readonly linked: Linked
    readonly agent: DeviceAgent
    readonly protection: Protection
    readonly restored: boolean
  }>
  /** An attempt that ended without a link; what to do about it is on the button. */
  'latchkey-error': CustomEvent<{ readonly error: AgentError }>
}

declare global {
  interface HTMLElementTagNameMap {
    'latchkey-link': LatchkeyLink
  }
  interface HTMLElementEventMap extends LinkElementEvents {}
}

const TICK_MS = 1_000

/**
 * Attributes: `issuer`, `client-id`, and where wanted `scope`, `resource`, `device-name`, `device-model`,
 * `device-software`, `store` (the database's name), `theme` (`light` or `dark`), `autostart`. They are read when the element
 * comes into the page.
 *
 * With `autostart` one code is shown at once; without, after the button or `start()`. A second code takes a person: the
 * button, or `start()` again (RFC 8628 §3.5).
 */
export class LatchkeyLink extends HTMLElement {
  /** To be set before the element comes into the page. */
  store: BrowserStore | undefined
  host: Host = systemHost
  fetch: Fetch | undefined

  readonly #view: LinkView
  #words = ENGLISH
  #state: LinkElementState = { kind: 'idle' }
  #agent: DeviceAgent | undefined
  #attempt: AbortController | undefined
  #ticking: number | undefined

  constructor() {
    super()
    const root = this.attachShadow({ mode: 'open', delegatesFocus: true })
    this.#view = linkView(root, () => void this.start())
  }

  get state(): LinkElementState {
    return this.#state
  }

  /** For tokens, requests to an API, and `unlink`; from when the element first came into a page. */
  get agent(): DeviceAgent | undefined {
    return this.#agent
  }

  /** Sentences to say differently. */
  set words(words: Partial<LinkWords>) {
    this.#words = { ...ENGLISH, ...words }
    this.#draw()
  }

  connectedCallback(): void {
    this.#draw()
    void this.#open()
  }

  disconnectedCallback(): void {
    this.stop()
    clearInterval(this.#ticking)
  }

  /** Shows one code and waits for the answer. Resolves when that has ended, however it did; events tell how. */
  async start(): Promise<void> {
    await this.#attemptTo((agent, how) => agent.link(how))
  }

  /** Takes the code off the screen and waits no longer. */
  stop(): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    attempt?.abort(new DOMException('stopped', 'AbortError'))
    if (attempt) this.#show({ kind: 'idle' })
  }

  /** Ends the link here, and at the server if it can be reached; returns whether the server confirmed. */
  async unlink(): Promise<boolean> {
    this.stop()
    const told = (await this.#agent?.unlink()) ?? false
    this.#show({ kind: 'idle' })
    return told
  }

  async #open(): Promise<void> {
    const text = (name: string) => this.getAttribute(name) ?? undefined
    const name = text('store')
    this.store ??= indexedDbStore({ host: this.host, ...(name === undefined ? {} : { name }) })
    const agent = new DeviceAgent({
      issuer: text('issuer') ?? '',
      clientId: text('client-id') ?? '',
      scope: text('scope'),
      resource: text('resource'),
      device: { name: text('device-name'), model: text('device-model'), software: text('device-software') },
      showsNumber: true,
      credentials: this.store.credentials,
      keys: this.store.keys,
      pending: this.store.pending,
      host: this.host,
      fetch: this.fetch,
    })
    this.#agent = agent
    try {
      const linked = await agent.linked()
      if (this.#agent !== agent || !this.isConnected) return
      if (linked) await this.#welcome(agent, linked, true)
      // A code that was on the screen before the page was loaded again is still good for whoever has it on their phone.
      else if ((await this.#attemptTo((same, how) => same.resume(how))) === 'none' && this.hasAttribute('autostart')) {
        await this.start()
      }
    } catch (error) {
      if (!(error instanceof AgentError)) throw error
      this.#show({ kind: 'failed', error })
      this.#tell('latchkey-error', { error })
    }
  }

  /** One attempt at a time; `none` when there was nothing to wait for. */
  async #attemptTo(
    begin: (agent: DeviceAgent, how: LinkOptions) => Promise<Linked | undefined>,
  ): Promise<'none' | undefined> {
    const agent = this.#agent
    if (!agent || this.#attempt) return undefined
    const attempt = new AbortController()
    this.#attempt = attempt
    const onState = (news: LinkState) => {
      if (this.#attempt === attempt && news.kind !== 'linked') this.#show(stateAfter(news, this.#now()))
    }
    try {
      const linked = await begin(agent, { signal: attempt.signal, onState })
      if (!linked) return 'none'
      await this.#welcome(agent, linked, false)
    } catch (error) {
      if (error instanceof AgentError) this.#tell('latchkey-error', { error })
    } finally {
      if (this.#attempt === attempt) this.#attempt = undefined
    }
    return undefined
  }

  async #welcome(agent: DeviceAgent, linked: Linked, restored: boolean): Promise<void> {
    const status = await agent.status()
    const bound = status.kind === 'linked' && status.key === 'here'
    const protection: Protection = { bound, keeping: (await this.store?.keeping()) ?? 'forgets' }
    this.#show({ kind: 'linked', linked, protection })
    this.#tell('latchkey-linked', { linked, agent, protection, restored })
  }

  #show(state: LinkElementState): void {
    this.#state = state
    this.#draw()
    this.#tell('latchkey-state', state)
  }

  #draw(): void {
    const state = this.#state
    const button = this.shadowRoot?.querySelector('button')
    this.setAttribute('state', state.kind)
    this.#view.show(state, this.#words, this.#now())
    clearInterval(this.#ticking)
    if ('code' in state) {
      this.#ticking = window.setInterval(() => this.#view.tick(this.#state, this.#words, this.#now()), TICK_MS)
    }
    // A remote control has OK and no pointer: OK must land here, unless the person is elsewhere on the page.
    const focused = document.activeElement
    if (button && !button.hidden && (focused === null || focused === document.body || focused === this)) button.focus()
  }

  #now(): number {
    return this.host.clock.monotonic()
  }

  #tell<N extends keyof LinkElementEvents>(name: N, detail: LinkElementEvents[N]['detail']): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }))
  }
}
