// A browser without scripts, over real HTTP: keeps cookies, follows redirects, sends the forms of the pages it saw.
// Its twin for a server in the same process is in test-server.ts.
import { cookieFetch } from './cookie-fetch.ts'
import { csrfIn } from './page-text.ts'
import { EMAIL, encode, PASSWORD } from './test-server.ts'

export interface HttpPage {
  readonly status: number
  readonly html: string
  readonly location: string | undefined
}

export interface HttpBrowser {
  /** Follows up to five redirects, as long as they stay here. */
  open(path: string): Promise<HttpPage>
  /** Submits fields with the token of the form on the last page seen. Does not follow. */
  submit(path: string, fields: Readonly<Record<string, string>>): Promise<HttpPage>
  signIn(): Promise<void>
  /** Opens the device's page by its code, signed in already, and answers. */
  decide(userCode: string, answer: 'approve' | 'deny'): Promise<void>
}

export function httpBrowser(origin: string): HttpBrowser {
  const ask = cookieFetch()
  let csrf = ''
  const send = async (path: string, init: RequestInit): Promise<HttpPage> => {
    const answer = await ask(new URL(path, origin), init)
    const html = await answer.text()
    csrf = csrfIn(html) || csrf
    return { status: answer.status, html, location: answer.headers.get('location') ?? undefined }
  }
  const expectStatus = (page: HttpPage, status: number, what: string) => {
    if (page.status !== status) throw new Error(`${what}: ${page.status} ${page.html}`)
  }
  const browser: HttpBrowser = {
    async open(path) {
      let page = await send(path, {})
      for (let hops = 0; hops < 5 && page.location?.startsWith('/'); hops++) page = await send(page.location, {})
      return page
    },
    submit: (path, fields) =>
      send(path, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: encode({ csrf, ...fields }),
      }),
    async signIn() {
      await browser.open('/sign-in')
      expectStatus(await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD }), 303, 'sign-in')
    },
    async decide(userCode, answer) {
      const page = await browser.open(`/link?user_code=${userCode}`)
      expectStatus(page, 200, 'the device page')
      if (!page.html.includes(userCode)) throw new Error(`another page than that of ${userCode}: ${page.html}`)
      expectStatus(await browser.submit('/link/device', { answer }), 303, answer)
    },
  }
  return browser
}
