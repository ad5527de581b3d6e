// The screen as files, for panels that other programs draw: code.svg, code.png and state.json, each replaced in one step,
// so that a reader never sees half a picture. What is in the pictures is qr-image.ts.
import { constants, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentError } from '../core/errors.ts'
import type { ScreenData } from '../kiosk/screen-data.ts'
import { errorCode } from './file-system.ts'
import { qrPng, qrSvg } from './qr-image.ts'

const STATE = 'state.json'
const SVG = 'code.svg'
const PNG = 'code.png'

/**
 * Writes what is on show. `state.json` names the pictures that belong to it: they are there before it says so, and go
 * after it has said that they are gone (AGT-07). The folder is made when it is not there. One call at a time.
 *
 * @throws AgentError `storage`
 */
export async function writeScreenFiles(
  directory: string,
  screen: ScreenData,
  how: { readonly modulePixels?: number } = {},
): Promise<void> {
  const complete = screen.verification_uri_complete
  const png = complete === undefined ? undefined : await qrPng(complete, how.modulePixels)
  const svg = complete === undefined ? undefined : await qrSvg(complete)
  try {
    await mkdir(directory, { recursive: true })
    if (svg !== undefined) await replace(directory, SVG, svg)
    if (png !== undefined) await replace(directory, PNG, png)
    const pictures = { ...(svg === undefined ? {} : { svg: SVG }), ...(png === undefined ? {} : { png: PNG }) }
    await replace(directory, STATE, `${JSON.stringify({ ...screen, ...pictures }, undefined, 2)}\n`)
    if (svg === undefined) await rm(join(directory, SVG), { force: true })
    if (png === undefined) await rm(join(directory, PNG), { force: true })
  } catch (cause) {
    const message = `The screen's files cannot be written to ${directory}: ${errorCode(cause) ?? String(cause)}.`
    throw new AgentError('storage', message, { cause })
  }
}

async function replace(directory: string, name: string, content: string | Uint8Array): Promise<void> {
  const fresh = join(directory, `.${name}.new`)
  // A leftover, or a link that somebody laid there, is never written through.
  await rm(fresh, { force: true })
  const file = await open(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644)
  try {
    await file.writeFile(content)
  } finally {
    await file.close()
  }
  await rename(fresh, join(directory, name))
}
