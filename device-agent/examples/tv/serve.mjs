// Serves the example, and nothing else: the page talks to the server and the API by itself, as a TV does.
//   node examples/tv/serve.mjs [--port 8100] [--issuer http://localhost:8080] [--client-id demo-tv] [--api http://localhost:8090]
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundleForBrowser } from '../../bundle-browser.mjs'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8100' },
    issuer: { type: 'string', default: 'http://localhost:8080' },
    'client-id': { type: 'string', default: 'demo-tv' },
    api: { type: 'string', default: 'http://localhost:8090' },
  },
})

const file = (name) => fileURLToPath(new URL(name, import.meta.url))
const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
const page = readFileSync(file('index.html'), 'utf8').replace(/\{\{([\w-]+)\}\}/g, (_, name) => escaped(values[name]))
const { text: script } = await bundleForBrowser(file('app.ts'))

const FILES = {
  '/': ['text/html; charset=utf-8', page],
  '/tv.css': ['text/css; charset=utf-8', readFileSync(file('tv.css'), 'utf8')],
  '/app.js': ['text/javascript; charset=utf-8', script],
}

const server = createServer(({ url = '/' }, response) => {
  const [type, body] = FILES[url.split('?')[0]] ?? []
  if (body === undefined) response.writeHead(404).end()
  else response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body)
})
server.listen(Number(values.port), 'localhost', () => {
  console.log(`The TV is at http://localhost:${server.address().port} and signs in at ${values.issuer}`)
})
