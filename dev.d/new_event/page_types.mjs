// What a page's TypeScript means in a contract: members become fields with rules, string
// unions become enums, interfaces inside become messages. Nothing is guessed: what does not
// map is named, with its line.

import { field } from './model.mjs'
import { applyComment } from './comments.mjs'
import { MEMBER_NAME, snake, TYPE_NAME } from './words.mjs'

const INSTEAD = {
  any: 'say what it holds', unknown: 'say what it holds', object: 'say which members it has', never: 'leave the member out',
  Date: "JSON has no dates: string with '// ISO 8601'", bigint: "number with '// min …, max …'", symbol: 'JSON has none',
  null: 'leave the member out instead, as optional (name?: …)', undefined: 'leave the member out instead, as optional (name?: …)',
  Buffer: 'a URL, or base64 in a string', Map: 'an array of { key, value }', Set: 'an array', void: 'leave the member out',
  Function: 'JSON has none', Record: 'an array of { key, value }',
}

export class PageTypes {
  /** @param declared Map of all interfaces, types and enums of the page */
  constructor(declared, contract, at, findings) {
    Object.assign(this, { declared, contract, at, findings })
    this.parts = new Map() // name → message, of interfaces that are used inside others
    this.uuids = new Set() // members that only their names made so
  }

  error(line, text) { this.findings.error(this.at(line), text) }

  /** The message `name` out of a declared interface. */
  message(name, declaration, leaveOut = () => false) {
    const message = { name, at: this.at(declaration.line), fields: [], enums: [] }
    const inner = declaration.type?.kind === 'object' ? declaration.type : declaration
    if (!inner.members) {
      this.error(declaration.line, `${name}: a payload is an interface or { … }, nothing else maps`)
      return message
    }
    for (const base of declaration.bases ?? []) {
      const other = this.declared.get(base)
      if (other?.members) message.fields.push(...this.message(name, other, leaveOut).fields)
      else this.error(declaration.line, `${name} extends ${base}, which is no interface of this page`)
    }
    for (const member of inner.members) {
      if (!leaveOut(member)) this.member(message, member)
    }
    return message
  }

  member(message, { name, line, optional, type, comment }) {
    if (!MEMBER_NAME.test(name)) {
      return this.error(line, `'${name}' is no member's name in JSON: write it like roomId`)
    }
    const made = field(name, { name: snake(name), at: this.at(line), required: !optional })
    if (!this.shape(made, type, message)) return
    const note = text => this.findings.note(this.at(line), text)
    applyComment(made, comment, note, text => this.error(line, text))
    if (made.rule.format === 'UUID' && !/\b(UUID|id)s?\b/i.test(comment)) this.uuids.add(name)
    message.fields.push(made)
  }

  /** Kind, type, values of a field; false when it does not map. */
  shape(made, type, message) {
    switch (type.kind) {
      case 'array':
        if (made.repeated) return this.refuse(made, type, 'an array of arrays', 'put the inner one into an object')
        made.repeated = true
        return this.shape(made, type.element, message)
      case 'literal': return this.enumeration(made, [type.value], type, message)
      case 'union': {
        const literal = type.of.every(({ kind }) => kind === 'literal')
        if (literal) return this.enumeration(made, type.of.map(({ value }) => value), type, message)
        const odd = type.of.find(({ kind, name }) => kind === 'name' && INSTEAD[name])
        return odd ? this.refuse(made, type, `'| ${odd.name}'`, INSTEAD[odd.name])
          : this.refuse(made, type, 'a union of types', 'only words in quotes can be joined by |')
      }
      case 'object': return this.part(made, message.name + capital(made.json), { line: type.line, members: type.members })
      default: return this.named(made, type, message)
    }
  }

  named(made, type, message) {
    const { name } = type
    if (name === 'string') return true
    if (name === 'number') return Object.assign(made, { kind: 'int', type: 'int32' })
    if (name === 'boolean') return Object.assign(made, { kind: 'bool', type: 'bool' })
    if (INSTEAD[name]) return this.refuse(made, type, `'${name}'`, INSTEAD[name])
    const declared = this.declared.get(name)
    if (declared?.values) return this.enumeration(made, declared.values, type, message, name)
    if (declared?.type && declared.type.kind !== 'object') {
      return declared.type.kind === 'union' || declared.type.kind === 'literal'
        ? this.enumeration(made, (declared.type.of ?? [declared.type]).map(({ value }) => value), type, message, name)
        : this.shape(made, declared.type, message)
    }
    if (declared) return this.part(made, name, declared)
    if (this.contract.messages.has(name)) {
      this.findings.note(this.at(type.line), `${made.json}: ${name} is the one of ${this.contract.messages.get(name).domain.path}`)
      return Object.assign(made, { kind: 'message', type: name })
    }
    return this.refuse(made, type, `'${name}'`, 'it is declared neither on this page nor in the contract')
  }

  /** Another interface, or the members of an object, as a message of its own. */
  part(made, name, declaration) {
    Object.assign(made, { kind: 'message', type: name })
    if (this.parts.has(name)) return true
    if (!TYPE_NAME.test(name)) return this.refuse(made, declaration, `'${name}'`, 'write the name of a type like PollOption')
    this.parts.set(name, undefined) // against going in circles; the generator refuses recursion
    this.parts.set(name, this.message(name, declaration))
    return true
  }

  /** Values keep their spelling: it is what JSON carries. */
  enumeration(made, values, type, message, name = capital(made.json)) {
    const bad = values.find(value => !/^[A-Za-z_]\w*$/.test(value ?? ''))
    if (values.includes(undefined)) return this.refuse(made, type, 'a union of words and other types', 'only words in quotes can be joined by |')
    if (bad !== undefined) {
      const better = bad.replace(/\W+/g, '_')
      return this.refuse(made, type, `the value '${bad}'`, `a value is a name of letters, digits and _${better && `, such as ${better}`}`)
    }
    if (!message.enums.some(({ name: taken }) => taken === name)) message.enums.push({ name, values: [...new Set(values)] })
    return Object.assign(made, { kind: 'enum', type: name, values: [...new Set(values)] })
  }

  refuse(made, { line }, what, instead) {
    this.error(line, `${made.json}: ${what} maps to nothing in a contract: ${instead}`)
    return false
  }
}

function capital(word) {
  return word[0].toUpperCase() + word.slice(1)
}
