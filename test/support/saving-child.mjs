// Saves credentials without end, as the built agent does, and says after each save that it is done. Made to be killed.
import { credentialFile } from '../../device-agent/dist/node/credential-file.js'

const [directory, from] = process.argv.slice(2)
const store = credentialFile({ directory })
const record = (count) => ({
  issuer: 'https://id.example.com',
  clientId: 'tv',
  linkedAt: 1,
  refreshToken: `token-${count}`,
  accessTokens: [{ token: 'x'.repeat(2_000 + (count % 7) * 500), obtainedAt: count }],
})
for (let count = Number(from); ; count++) {
  await store.exclusively(() => store.save(record(count)))
  process.stdout.write(`${count}\n`)
}
