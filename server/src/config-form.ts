// What the configuration's schema says: about a value, in words for the person who wrote it; and to an editor.
// What the values mean together (issuer and proxy, client and secret) is looked at next door, in config.ts.
import type { TSchema } from 'typebox'

/** The part of JSON Schema that the configuration uses. */
interface Node {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly anyOf?: readonly Node[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly items?: Node
  readonly minItems?: number
  readonly minProperties?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
}

/** Every way in which `value` does not fit, one line each, with its path. Never quotes a value: it may be a secret. */
export function formProblems(schema: TSchema, value: unknown): readonly string[] {
  return problemsAt(schema as Node, value, '')
}

function problemsAt(node: Node, value: unknown, path: string): readonly string[] {
  const wrong = (text: string): readonly string[] => [`${path || 'configuration'}: ${text}`]
  if (node.anyOf !== undefined) {
    return node.anyOf.some((branch) => problemsAt(branch, value, path).length === 0) ? [] : wrong(expectation(node))
  }
  if (node.const !== undefined) return value === node.const ? [] : wrong(`must be ${JSON.stringify(node.const)}`)
  switch (node.type) {
    case 'object':
      return isObject(value) ? objectProblems(node, value, path) : wrong('must be an object, {…}')
    case 'array':
      if (!Array.isArray(value)) return wrong('must be a list, […]')
      if (value.length < (node.minItems ?? 0)) return wrong('must not be empty')
      return value.flatMap((item, index) => problemsAt(node.items ?? {}, item, `${path}[${index}]`))
    case 'string':
      return textProblem(node, value).flatMap(wrong)
    case 'integer': {
      const { minimum = -Infinity, maximum = Infinity } = node
      const fits = Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum
      return fits ? [] : wrong(`must be a whole number from ${minimum} to ${maximum}`)
    }
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrong('must be true or false')
    default:
      return []
  }
}

function objectProblems(node: Node, value: Record<string, unknown>, path: string): readonly string[] {
  const known = node.properties ?? {}
  const anyName = Object.values(node.patternProperties ?? {})[0]
  if (Object.keys(value).length < (node.minProperties ?? 0)) return [`${path}: must not be empty`]
  const missing = (node.required ?? []).filter((name) => value[name] === undefined)
  return [
    ...missing.map((name) => `${below(path, name)}: is missing`),
    ...Object.entries(value).flatMap(([name, inner]) => {
      const schema = Object.hasOwn(known, name) ? known[name] : anyName
      if (schema === undefined) return [`${below(path, name)}: unknown setting`]
      return inner === undefined ? [] : problemsAt(schema, inner, below(path, name))
    }),
  ]
}

function textProblem({ minLength = 0, maxLength = Infinity, pattern, description }: Node, value: unknown): string[] {
  if (typeof value !== 'string') return ['must be text in quotes']
  if (value.length < minLength) return ['must not be empty']
  if (value.length > maxLength) return [`must not have more than ${maxLength} characters`]
  if (pattern !== undefined && !new RegExp(pattern).test(value)) return [`must be ${description ?? pattern}`]
  return []
}

/** What would fit a choice: its names, or what its description says. */
function expectation({ anyOf = [], description }: Node): string {
  if (description !== undefined) return `must be ${description}`
  return `must be ${new Intl.ListFormat('en', { type: 'disjunction' }).format(anyOf.map((one) => JSON.stringify(one.const)))}`
}

function below(path: string, name: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`
  return path === '' ? name : `${path}.${name}`
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** The schema as editors read it: a file need not hold what has a default, nor `optional` (names at its top). */
export function schemaForEditors(schema: TSchema, optional: readonly string[]): unknown {
  const { required, ...rest } = relaxed(schema as Node)
  const left = required?.filter((name) => !optional.includes(name)) ?? []
  const draft = { $schema: 'http://json-schema.org/draft-07/schema#' }
  return { ...draft, ...rest, ...(left.length === 0 ? {} : { required: left }) }
}

function relaxed(node: Node): Node {
  const { required, properties, items, ...rest } = node
  const left = required?.filter((name) => properties?.[name]?.default === undefined) ?? []
  return {
    ...rest,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, relaxed(inner)])),
    }),
    ...(items && { items: relaxed(items) }),
    ...(left.length === 0 ? {} : { required: left }),
  }
}
