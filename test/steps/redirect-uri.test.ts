import { describe, expect, it } from 'vitest'
import {
  isNativeRedirectUri,
  isRegistrableRedirectUri,
  redirectUriMatches,
} from '../../server/src/oauth/clients/redirect-uri.ts'

describe('where an answer may be sent', () => {
  it.each([
    ['https://app.example.com/cb', true],
    ['https://app.example.com', true],
    ['http://127.0.0.1/cb', true],
    ['http://127.0.0.1:8000/cb', true],
    ['http://[::1]/cb', true],
    ['http://localhost', true],
    ['com.example.app:/cb', true],
    ['com.example.app://cb', true],
    ['com.example.app:', false],
    ['com.example.app:///cb', false],
    ['http://app.example.com/cb', false],
    ['http://127.0.0.2/cb', false],
    ['https://app.example.com/cb#top', false],
    ['https://app.example.com/*', false],
    ['https://*.example.com/cb', false],
    ['https://user@app.example.com/cb', false],
    ['myapp:/cb', false],
    ['javascript:alert(1)', false],
    ['data:text/html,x', false],
    ['/cb', false],
    ['', false],
    ['https://app.example.com/c b', false],
    ['https:\\\\app.example.com', false],
  ])('AZ-05 %s may be registered: %s', (uri, fits) => {
    expect(isRegistrableRedirectUri(uri)).toBe(fits)
  })

  it.each([
    ['https://a.example/cb', 'https://a.example/cb', true],
    ['https://a.example/cb', 'https://a.example/cb/', false],
    ['https://a.example/cb', 'https://a.example:443/cb', false],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:50123/cb', true],
    ['http://127.0.0.1:1/cb', 'http://127.0.0.1:50123/cb', true],
    ['http://127.0.0.1:1/cb', 'http://127.0.0.1/cb', true],
    ['http://[::1]/cb', 'http://[::1]:50123/cb', true],
    ['http://127.0.0.1/cb', 'http://[::1]:50123/cb', false],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:50123/cb?x', false],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:99999/cb', false],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:80@evil.example/cb', false],
    ['http://127.0.0.1/cb', 'https://127.0.0.1:50123/cb', false],
    ['http://localhost', 'http://localhost:50123', true],
    ['http://localhost:3000', 'http://localhost:50123', false],
    ['http://localhost:3000', 'http://localhost:3000', true],
    ['http://localhost/cb', 'http://localhost:50123/cb', true],
    ['http://a.example/cb', 'http://a.example:50123/cb', false],
    ['com.example.app:/cb', 'com.example.app:/CB', false],
  ])('AZ-04 registered %s, asked for %s: %s', (registered, requested, fits) => {
    expect(redirectUriMatches(registered, requested)).toBe(fits)
  })

  it('AZ-12 an app on the person’s machine is one that anybody could pretend to be', () => {
    expect(isNativeRedirectUri('http://127.0.0.1/cb')).toBe(true)
    expect(isNativeRedirectUri('com.example.app:/cb')).toBe(true)
    expect(isNativeRedirectUri('https://app.example.com/cb')).toBe(false)
  })
})
