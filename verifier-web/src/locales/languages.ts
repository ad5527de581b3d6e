// The languages beside English, one line each.
export { ar } from './ar.ts'
export { de } from './de.ts'
export { es } from './es.ts'
export { fr } from './fr.ts'
export { ja } from './ja.ts'
export { pt } from './pt.ts'
export { zh } from './zh.ts'
