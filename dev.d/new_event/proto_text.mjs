// Reads a contract file as far as adding to it needs: what is declared, with which options,
// and at which offset. protoc and belfry-gen judge it; this only finds things.

/** @returns {{domain, services, messages}} each with offsets into `text` */
export function parseProto(text, file) {
  return new Parser(text, file).file()
}

class Parser {
  constructor(text, file) {
    this.file_ = file
    this.tokens = tokenize(text, file)
    this.at = 0
  }

  get token() { return this.tokens[this.at] }
  is(word) { return this.token?.word === word }
  take(word) {
    const token = this.token
    if (!token || (word !== undefined && token.word !== word)) {
      const line = token?.line ?? 'end'
      throw new Error(`${this.file_}:${line}: expected ${word ?? 'more'}, found ${token?.word ?? 'the end'}`)
    }
    this.at++
    return token
  }
  accept(word) { return this.is(word) && this.take() }
  /** Past a statement or a block that is of no interest. */
  skip() {
    for (let depth = 0; ; ) {
      const { word } = this.take()
      if (word === '{') depth++
      else if (word === '}' && --depth === 0) return
      else if (word === ';' && depth === 0) return
    }
  }

  file() {
    const file = { domain: undefined, services: [], messages: [] }
    while (this.token) {
      if (this.is('service')) file.services.push(this.service())
      else if (this.is('message')) file.messages.push(this.message())
      else if (this.is('option') && this.tokens[this.at + 2]?.word === 'domain') file.domain = this.option()
      else this.skip()
    }
    return file
  }

  /** option (name) = { … }; */
  option() {
    const start = this.take('option').start
    this.take('(')
    const name = this.take().word
    this.take(')')
    this.take('=')
    const value = this.value()
    const end = this.take(';').end
    return { name, value, start, end }
  }

  service() {
    this.take('service')
    const service = { name: this.take().word, rpcs: [] }
    this.take('{')
    while (!this.is('}')) {
      if (this.is('rpc')) service.rpcs.push(this.rpc())
      else this.skip()
    }
    service.close = this.take('}').start
    return service
  }

  rpc() {
    const { start, line } = this.take('rpc')
    const rpc = { name: this.take().word, line, start }
    this.take('(')
    rpc.payload = local(this.take().word)
    this.take(')')
    this.take('returns')
    this.take('(')
    rpc.reply = local(this.take().word)
    this.take(')')
    if (this.accept('{')) {
      while (!this.is('}')) {
        if (this.is('option')) rpc.event = this.option()
        else this.skip()
      }
      this.take('}')
    } else {
      this.take(';')
    }
    return rpc
  }

  message() {
    const { line } = this.take('message')
    const message = { name: this.take().word, line, fields: [], enums: [], messages: [] }
    this.take('{')
    while (!this.is('}')) {
      if (this.is('option')) {
        const option = this.option()
        if (option.name === 'server_event') message.event = option
      } else if (this.is('enum')) {
        message.enums.push(this.enumeration())
      } else if (this.is('message')) {
        message.messages.push(this.message())
      } else if (this.is('optional') || this.is('repeated')) {
        message.fields.push(this.field())
      } else {
        this.skip()
      }
    }
    this.take('}')
    return message
  }

  enumeration() {
    this.take('enum')
    const values = [], name = this.take().word
    this.take('{')
    while (!this.is('}')) {
      values.push(this.token.word)
      this.skip()
    }
    this.take('}')
    return { name, values }
  }

  field() {
    const repeated = this.take().word === 'repeated'
    const field = { repeated, type: local(this.take().word), name: this.take().word, rule: {} }
    this.take('=')
    field.number = Number(this.take().word)
    if (this.accept('[')) {
      do {
        const named = this.accept('(')
        const name = this.take().word
        if (named) this.take(')')
        this.take('=')
        const value = this.value()
        if (name === 'field') field.rule = single(value)
        if (name === 'default') field.default = value
      } while (this.accept(','))
      this.take(']')
    }
    this.take(';')
    return field
  }

  /** A value of an option: a block is an object of lists, everything else a text. */
  value() {
    if (this.accept('{')) {
      const value = {}
      while (!this.is('}')) {
        const { word: name, start } = this.take()
        this.accept(':')
        const list = value[name] ??= []
        if (this.accept('[')) {
          while (!this.accept(']')) {
            list.push(this.value())
            this.accept(',')
          }
        } else {
          list.push(this.value())
        }
        Object.defineProperty(list, 'start', { value: start, configurable: true })
        Object.defineProperty(list, 'end', { value: this.tokens[this.at - 1].end, configurable: true })
        this.accept(',') || this.accept(';')
      }
      const close = this.take('}').start
      return Object.defineProperty(value, 'close', { value: close })
    }
    let value = this.take().text
    while (this.token?.quoted && this.tokens[this.at - 1].quoted) value += this.take().text
    return value
  }
}

/** Of options that are given once. */
export function single(value) {
  return Object.fromEntries(Object.entries(value).map(([name, list]) => [name, list[0]]))
}

function local(name) {
  return name.replace(/^\.?belfry\./, '')
}

const TOKEN = /\s+|\/\/[^\n]*|\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[-+]?[.\w]+|[{}[\]()<>=;:,]/y

function tokenize(text, file) {
  const tokens = []
  let line = 1
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex, match = TOKEN.exec(text)
    if (!match) throw new Error(`${file}:${line}: cannot be read`)
    const [word] = match
    if (!/^(\s|\/\/|\/\*)/.test(word)) {
      const quoted = /^["']/.test(word)
      tokens.push({ word, quoted, text: quoted ? unquote(word) : word, line, start, end: start + word.length })
    }
    line += word.split('\n').length - 1
  }
  return tokens
}

function unquote(word) {
  return word.slice(1, -1).replace(/\\(.)/g, (_, letter) => ({ n: '\n', t: '\t' })[letter] ?? letter)
}
