// A half of the languages; the other is next door.
import { inspectLanguages } from './gallery-languages.ts'

inspectLanguages(0, 2)
