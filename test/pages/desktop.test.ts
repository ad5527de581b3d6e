// Pages on a wide screen: all that a page consists of stands below each other, in the middle.
import { expect, it } from 'vitest'
import { inspection, ordinaryPages } from './inspection.ts'

const links = { help: 'https://northwind.example/help', privacy: 'https://northwind.example/privacy' }
const { open, page } = inspection({ links })

// The foot by what stands in it: its own box may be as wide as the window.
const MIDDLES = `['.brand', '.sheet', 'footer'].map((part) => {
  const element = document.querySelector(part)
  const inside = document.createRange()
  inside.selectNodeContents(element)
  const { left, right } = (part === 'footer' ? inside : element).getBoundingClientRect()
  return Math.round((left + right) / 2)
})`

it('UX-04 head, sheet and foot of every page stand in the middle of a wide window', async () => {
  await page().setViewportSize({ width: 1280, height: 900 })
  for (const { name } of ordinaryPages) {
    // The one page without any style.
    if (name === 'problem-too-large') continue
    await open(name)
    expect([name, await page().evaluate(MIDDLES)]).toEqual([name, [640, 640, 640]])
  }
})
