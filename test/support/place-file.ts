// A MaxMind DB file that a test makes itself: networks, each with its country (format 2.0, one tree for IPv4 and IPv6).
import { writeFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'

const RECORD_BITS = 24
const METADATA_MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1')

type Value = string | number | readonly Value[] | { readonly [key: string]: Value }
/** A bit of the address leads to another node, to a value, or to nothing. */
type Branch = Node | { readonly value: string } | undefined
interface Node {
  readonly branches: [Branch, Branch]
}

/** `networks`: from a CIDR such as `192.0.2.0/24` or `2001:db8::/32` to an ISO 3166-1 code. None lies within another. */
export function writePlaceFile(path: string, networks: Readonly<Record<string, string>>): void {
  const root: Node = { branches: [undefined, undefined] }
  for (const [network, country] of Object.entries(networks)) plant(root, bitsOf(network), country)
  const nodes = nodesBelow(root)
  const countries = [...new Set(Object.values(networks))]
  const values = countries.map((iso_code) => encode({ country: { iso_code } }))
  const offsets = new Map(countries.map((country, index) => [country, Buffer.concat(values.slice(0, index)).length]))

  const pointerOf = (branch: Branch): number => {
    if (branch === undefined) return nodes.length
    if ('branches' in branch) return nodes.indexOf(branch)
    // Behind the nodes and the sixteen zeros that part the tree from the values.
    return nodes.length + 16 + (offsets.get(branch.value) ?? 0)
  }
  const tree = Buffer.concat(
    nodes.flatMap(({ branches }) =>
      branches.map((branch) => {
        const pointer = Buffer.alloc(RECORD_BITS / 8)
        pointer.writeUIntBE(pointerOf(branch), 0, RECORD_BITS / 8)
        return pointer
      }),
    ),
  )
  const metadata = encode({
    node_count: nodes.length,
    record_size: RECORD_BITS,
    ip_version: 6,
    database_type: 'Test-Country',
    languages: [],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1,
    description: {},
  })
  writeFileSync(path, Buffer.concat([tree, Buffer.alloc(16), ...values, METADATA_MARKER, metadata]))
}

function plant(root: Node, bits: readonly number[], value: string): void {
  let node = root
  for (const bit of bits.slice(0, -1)) {
    const below = node.branches[bit === 0 ? 0 : 1]
    const next: Node = below !== undefined && 'branches' in below ? below : { branches: [undefined, undefined] }
    node.branches[bit === 0 ? 0 : 1] = next
    node = next
  }
  node.branches[bits.at(-1) === 0 ? 0 : 1] = { value }
}

function nodesBelow(node: Node): readonly Node[] {
  return [node, ...node.branches.flatMap((branch) => (branch && 'branches' in branch ? nodesBelow(branch) : []))]
}

/** IPv4 lies in `::/96`. */
function bitsOf(network: string): readonly number[] {
  const [address = '', length] = network.split('/')
  const bytes = isIPv4(address) ? [...Array(12).fill(0), ...address.split('.').map(Number)] : bytesOfV6(address)
  const bits = bytes.flatMap((byte) => [...byte.toString(2).padStart(8, '0')].map(Number))
  return bits.slice(0, Number(length) + (isIPv4(address) ? 96 : 0))
}

function bytesOfV6(address: string): number[] {
  const [left = [], right = []] = address.split('::').map((half) => (half === '' ? [] : half.split(':')))
  const groups = [...left, ...Array(8 - left.length - right.length).fill('0'), ...right]
  return groups.flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 255]
  })
}

/** Strings up to 28 bytes, small maps and lists, unsigned 32-bit numbers: all there is in these files. */
function encode(value: Value): Buffer {
  if (typeof value === 'string') return Buffer.concat([Buffer.from([(2 << 5) | value.length]), Buffer.from(value)])
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([Buffer.from([(6 << 5) | 4]), bytes])
  }
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([value.length, 11 - 7]), ...value.map(encode)])
  const members = Object.entries(value)
  return Buffer.concat([
    Buffer.from([(7 << 5) | members.length]),
    ...members.flat().map((part) => encode(part as Value)),
  ])
}
