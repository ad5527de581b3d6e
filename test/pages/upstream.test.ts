// Other providers on the pages: what the markup says, next to what gallery.test.ts sees of it.
import { addIdentityPage, type Chrome, identitiesPage, signInPage } from '@latchkey/verifier-web'
import { describe, expect, it } from 'vitest'
import { ENGLISH } from '../../verifier-web/src/locales/locale.ts'

const chrome: Chrome = {
  brand: 'Northwind TV',
  locale: ENGLISH,
  stylesheet: '/id/style.css',
  base: '/id',
  csrf: 'token',
  account: { email: 'ana@example.com', name: 'Ana' },
}
const ACME = { id: 'acme', name: 'Acme SSO' }

function text(html: string): string {
  return html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
}

describe('the sign-in page', () => {
  it('SES-04 other providers come last, as links: no policy for forms holds them up', () => {
    const page = signInPage(chrome, { upstreams: [ACME, { id: 'beta', name: 'Beta' }], passkey: '{}' })
    expect(text(page)).toMatch(
      /Sign in with a passkey .* Email .* or Continue with Acme SSO Continue with Beta Type another code/,
    )
    expect(page).toContain('<a class="button" href="/id/sign-in/with/acme">')
    expect(page).not.toMatch(/action="[^"]*\/with\//)
  })

  it('without any, nothing is said of them', () => {
    for (const upstreams of [undefined, []]) {
      const page = signInPage(chrome, upstreams === undefined ? {} : { upstreams })
      expect(page).not.toMatch(/class="(or|providers)"/)
    }
  })

  it('one that is the only way in is the page’s one strong act', () => {
    const page = signInPage(chrome, { upstreams: [ACME], again: { hasPassword: false } })
    expect(page).toContain('<a class="button key" href="/id/sign-in/with/acme">')
    expect(page).not.toContain('class="or"')
    expect(page).not.toContain('<noscript>')
  })

  it('UX-03 what became of a sign-in there is heard at once', () => {
    const said = (news: 'unreachable' | 'refused') =>
      signInPage(chrome, { upstreams: [ACME], news: { provider: 'Acme SSO', news } })
    expect(said('unreachable')).toMatch(/<div class="notice bad" role="alert">.*Acme SSO<\/bdi> does not answer/)
    expect(text(said('refused'))).toContain('You did not sign in with Acme SSO . Try again, or use another way.')
  })
})

describe('other accounts', () => {
  const when = { at: Date.UTC(2030, 0, 15), secondsAgo: 60 }

  it('WEB-09 each has what tells it from another, and a button that says which it removes', () => {
    const identity = { id: 'one', provider: 'Acme SSO', name: 'ana@acme.example', added: when, used: when, gone: false }
    const page = identitiesPage(chrome, { identities: [identity], upstreams: [ACME] })
    expect(text(page)).toMatch(/Acme SSO ana@acme\.example Added 1 minute ago Last used 1 minute ago Remove/)
    expect(page).toContain('<strong id="identity-one">')
    expect(page).toContain('aria-describedby="identity-one"')
    expect(page).toContain('action="/id/account/identities/remove"')
    expect(page).toContain('<button type="submit" name="upstream" value="acme">')
  })

  it('WEB-09 before anybody is sent off, the page says who will be able to sign in', () => {
    const page = addIdentityPage(chrome, { upstream: ACME })
    expect(text(page)).toContain('Whoever can sign in to that account can then sign in here, as ana@example.com .')
    expect(page).toContain('<a class="button key" href="/id/sign-in/with/acme">')
    expect(page).toContain('<title>Add another account? · Northwind TV</title>')
    expect(page).not.toContain('<form')
  })
})
