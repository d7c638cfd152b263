// Reads the interfaces, types and enums of a page's code blocks, with the comments that
// belong to each member. Everything else in TypeScript is named and refused.

/** @returns Map name → { line, members } | { line, type } | { line, values }; faults go to `fault(line, text)` */
export function parseDeclarations(text, firstLine, fault) {
  return new Parser(tokenize(text, firstLine, fault), fault).declarations()
}

const TOKEN = /(\s+)|(\/\/[^\n]*|\/\*[^]*?\*\/)|('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`[^`]*`)|([A-Za-z_$][\w$]*)|(-?\d[\d_.]*)|(=>|\[[A-Za-z][^\]\n]*\]|[{}[\]()<>|&=;:,?.@*+!-])|([^])/y

/** Comments on a token's own line are its `trail`, those on lines of their own the next one's `lead`. */
function tokenize(text, firstLine, fault) {
  const tokens = []
  let line = firstLine, lead = []
  TOKEN.lastIndex = 0
  for (let match; TOKEN.lastIndex < text.length && (match = TOKEN.exec(text));) {
    const [word, space, comment, quoted, name, number, mark, other] = match
    const last = tokens.at(-1)
    if (comment) {
      const words = comment.replace(/^\/\/+|^\/\*+|\*\/$/g, '').replace(/^\s*\*/gm, '').replace(/\s+/g, ' ').trim()
      if (last && last.end === line) last.trail.push(words)
      else lead.push(words)
    } else if (other) {
      fault(line, `'${other}' cannot be understood here`)
    } else if (!space) {
      if (mark?.length > 2) fault(line, `the placeholder ${mark} is not filled in`)
      tokens.push({ word, quoted: quoted !== undefined, name: name !== undefined, number: number !== undefined, line, end: line, lead, trail: [] })
      lead = []
    }
    line += word.split('\n').length - 1
    if (tokens.length > 0 && !space && !comment) tokens.at(-1).end = line
  }
  return tokens
}

class Fault extends Error {
  constructor(line, text) {
    super(text)
    this.line = line
  }
}

class Parser {
  constructor(tokens, fault) {
    this.tokens = tokens
    this.at = 0
    this.fault = fault
    this.found = new Map()
  }

  get token() { return this.tokens[this.at] }
  get line() { return (this.token ?? this.tokens.at(-1))?.line }
  is(word) { return this.token?.word === word && !this.token.quoted }
  accept(word) { return this.is(word) ? this.tokens[this.at++] : undefined }
  take(word) {
    const token = this.token
    if (!token || (word && !this.is(word))) throw new Fault(this.line, `expected ${word ?? 'more'}, found ${token?.word ?? 'the end of the block'}`)
    this.at++
    return token
  }
  name() {
    if (!this.token?.name) throw new Fault(this.line, `expected a name, found ${this.token?.word ?? 'the end of the block'}`)
    return this.take().word
  }

  declarations() {
    while (this.token) {
      try {
        this.declaration()
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        this.fault(error.line, error.message)
        return this.found // where the next declaration begins is not known
      }
    }
    return this.found
  }

  declaration() {
    const { line } = this.token
    while (this.accept('export') || this.accept('declare') || this.accept('const')) { /* says nothing to us */ }
    if (this.accept(';')) return
    if (this.accept('interface')) this.add(this.name(), { line, ...this.heritage(), ...this.members() })
    else if (this.accept('type')) {
      const name = this.name()
      if (this.is('<')) throw new Fault(line, `type ${name}<…>: generic types do not map to a contract`)
      this.take('=')
      this.add(name, { line, type: this.type() })
      this.accept(';')
    } else if (this.accept('enum')) this.add(this.name(), { line, values: this.enumValues() })
    else throw new Fault(line, `'${this.token.word}' cannot be understood here: a payload is told by interfaces, types and enums`)
  }

  add(name, declaration) {
    if (this.found.has(name)) throw new Fault(declaration.line, `${name} is declared twice`)
    this.found.set(name, declaration)
  }

  heritage() {
    if (this.is('<')) throw new Fault(this.line, 'generic interfaces do not map to a contract')
    const bases = []
    if (this.accept('extends')) do bases.push(this.name()); while (this.accept(','))
    return { bases }
  }

  enumValues() {
    const values = []
    this.take('{')
    while (!this.accept('}')) {
      const name = this.name()
      if (this.accept('=')) {
        if (!this.token?.quoted) throw new Fault(this.line, `${name}: values of an enum are strings in JSON: ${name} = '${name}'`)
        values.push(unquote(this.take().word))
      } else throw new Fault(this.line, `${name}: an enum of numbers does not map: ${name} = '${name}'`)
      this.accept(',')
    }
    return values
  }

  members() {
    const open = this.take('{'), members = []
    while (!this.is('}')) members.push(this.member())
    const close = this.take('}')
    return { members, open, close }
  }

  member() {
    const first = this.token
    if (this.is('readonly') && this.tokens[this.at + 1]?.name) this.take()
    if (this.token.quoted || !this.token.name) throw new Fault(this.line, `'${this.token.word}' is no member's name: write it like roomId`)
    const name = this.name(), optional = Boolean(this.accept('?'))
    if (this.is('(')) throw new Fault(this.line, `${name}: functions do not map to a contract`)
    this.take(':')
    const type = this.type()
    if (!this.accept(';')) this.accept(',')
    const last = this.tokens[this.at - 1]
    const inner = type.element?.open ?? type.open
    return { name, line: first.line, optional, type, comment: [...first.lead, ...(inner?.trail ?? []), ...last.trail].join(' ').trim() }
  }

  type() {
    this.accept('|')
    const kinds = [this.postfix()]
    while (this.accept('|')) kinds.push(this.postfix())
    if (this.is('&')) throw new Fault(this.line, "'&' (intersections) do not map to a contract: write all members out")
    return kinds.length === 1 ? kinds[0] : { kind: 'union', of: kinds, line: kinds[0].line }
  }

  postfix() {
    let type = this.primary()
    while (this.is('[')) {
      this.take('[')
      if (!this.is(']')) throw new Fault(this.line, 'indexed types do not map to a contract')
      this.take(']')
      type = { kind: 'array', element: type, line: type.line }
    }
    return type
  }

  primary() {
    const { token, line } = this
    if (!token) throw new Fault(line, 'a type is missing')
    if (token.quoted) return { kind: 'literal', value: unquote(this.take().word), line }
    if (token.number) throw new Fault(line, `the number ${token.word} as a type does not map to a contract`)
    if (this.is('{')) return { kind: 'object', line, ...this.members() }
    if (this.accept('(')) {
      if (this.is(')') || this.tokens[this.at + 1]?.word === ':') throw new Fault(line, 'functions do not map to a contract')
      const type = this.type()
      this.take(')')
      return type
    }
    if (this.is('[')) throw new Fault(line, 'tuples ([A, B]) do not map to a contract: an array has items of one type')
    const name = this.name()
    if (this.is('.')) throw new Fault(line, `${name}.…: types of another place do not map to a contract: write them out`)
    if (!this.accept('<')) return { kind: 'name', name, line }
    const parameter = this.type()
    if ((name === 'Array' || name === 'ReadonlyArray') && this.accept('>')) return { kind: 'array', element: parameter, line }
    throw new Fault(line, `${name}<…> does not map to a contract`)
  }
}

function unquote(word) {
  return word.slice(1, -1).replace(/\\(.)/g, '$1')
}
