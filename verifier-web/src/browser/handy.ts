// Small comforts, each on a part of the page that stays hidden without this script: copying, printing, showing a password,
// the way to a first passkey.
export {}

for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-copy]')) {
  const from = document.getElementById(button.dataset['copy'] ?? '')
  if (from === null || navigator.clipboard === undefined) continue
  button.hidden = false
  button.addEventListener('click', async () => {
    const lines = Array.from(from.children, ({ textContent }) => textContent)
    await navigator.clipboard.writeText(lines.join('\n'))
    button.textContent = button.dataset['done'] ?? button.textContent
  })
}

for (const offer of document.querySelectorAll<HTMLElement>('[data-passkeys]')) {
  offer.hidden = !('PublicKeyCredential' in window)
}

for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-print]')) {
  button.hidden = false
  button.addEventListener('click', () => window.print())
}

for (const box of document.querySelectorAll<HTMLElement>('[data-show]')) {
  const field = document.getElementById(box.dataset['show'] ?? '')
  if (!(field instanceof HTMLInputElement)) continue
  box.hidden = false
  box.addEventListener('change', (event) => {
    field.type = event.target instanceof HTMLInputElement && event.target.checked ? 'text' : 'password'
  })
}
