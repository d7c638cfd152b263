// Names in the forms that the parts of the tree want, and how a refusal is told.

/** What a person can mend: where it is, and what to do. Nothing was written. */
export class Refusal extends Error {
  /** @param {string[]} lines one for each thing that is wrong */
  constructor(...lines) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

export const EVENT_NAME = /^[A-Z][A-Z0-9]*(_[A-Z][A-Z0-9]*)*$/
export const DOMAIN_NAME = /^[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*$/
export const MEMBER_NAME = /^[a-z][a-zA-Z0-9]*$/
export const TYPE_NAME = /^[A-Z][a-zA-Z0-9]*$/
const EVENT_NAME_MAX = 48

/** What is wrong with an event's name, or nothing. */
export function eventNameFault(name) {
  if (!EVENT_NAME.test(name)) return `'${name}' is no event's name: write it like SEND_MESSAGE`
  if (name.length > EVENT_NAME_MAX) return `'${name}' is longer than ${EVENT_NAME_MAX} letters`
}

/** SEND_MESSAGE, send_message → SendMessage */
export function camel(name) {
  return name.toLowerCase().split('_').map(part => part[0].toUpperCase() + part.slice(1)).join('')
}

/** SEND_MESSAGE → send_message */
export function lower(name) {
  return name.toLowerCase()
}

/** roomId → room_id: protobuf makes roomId of it again */
export function snake(member) {
  return member.replace(/[A-Z]/g, letter => '_' + letter.toLowerCase())
}

/** room_id → roomId */
export function jsonName(field) {
  return field.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase())
}

/** SendMessage → SEND_MESSAGE */
export function upper(type) {
  return type.replace(/(?<!^)([A-Z])/g, '_$1').toUpperCase()
}

/** belfry.SetPresence.Status → Belfry__SetPresence__Status, as protobuf-c names it */
export function cType(message) {
  return 'Belfry__' + message.split('.').map(camelParts).join('__')
}
function camelParts(part) {
  return part.split('_').map(word => word[0].toUpperCase() + word.slice(1)).join('')
}

// protobuf-c adds a line to members that are words of C++
const RESERVED = new Set(`and and_eq asm auto bitand bitor bool break case catch char class compl
  const const_cast continue default delete do double dynamic_cast else enum explicit extern false
  float for friend goto if inline int long mutable namespace new not not_eq operator or or_eq
  private protected public register reinterpret_cast return short signed sizeof static static_cast
  struct switch template this throw true try typedef typeid typename union unsigned using virtual
  void volatile wchar_t while xor xor_eq`.split(/\s+/))

export function cMember(field) {
  const name = field.toLowerCase()
  return RESERVED.has(name) ? name + '_' : name
}

/** A sentence: one line, a capital letter in front, a full stop at its end. */
export function sentence(text) {
  const line = text.replace(/\s+/g, ' ').trim()
  if (line === '') return ''
  return line[0].toUpperCase() + line.slice(1) + (/[.!?:]$/.test(line) ? '' : '.')
}

/** The word of `known` that is nearest to a misspelt one. */
export function nearest(word, known) {
  let best, least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const steps = distance(word, candidate)
    if (steps < least) [best, least] = [candidate, steps]
  }
  return best
}

function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] !== b[j - 1])))
    }
    row = next
  }
  return row[b.length]
}
