// Rules of members out of the comments beside them: "max 2000 characters", "2-10 items",
// "1 to 100", "UUID", "ISO 8601". A number that no rule took is told, never dropped.

const N = '(-?\\d[\\d,_]*(?:\\.\\d+)?)'
const NOUN = '(?:\\s+([a-z][a-z-]*))?'
const MOST = '(?:max(?:imum)?|up to|at most|no more than|limited to|<=|≤)(?:\\s+(?:length|size|count|number|value))?(?:\\s+(?:is|of))?\\s*[:=]?\\s*'
const LEAST = '(?:min(?:imum)?|at least|no less than|>=|≥)(?:\\s+(?:length|size|count|number|value))?(?:\\s+(?:is|of))?\\s*[:=]?\\s*'

/** What a quantity says, in the order of trying: the two ends and the noun behind them. */
const QUANTITIES = [
  [new RegExp(`\\bbetween\\s+${N}\\s+and\\s+${N}${NOUN}`, 'i'), (a, b, noun) => [a, b, noun]],
  [new RegExp(`(?<![\\w.-])(?:length\\s*:?\\s*)?${N}\\s*(?:-|–|to|\\.\\.\\.?)\\s*${N}(?![\\d-])${NOUN}`, 'i'), (a, b, noun) => [a, b, noun]],
  [new RegExp(`(?<!\\w)${MOST}${N}${NOUN}`, 'i'), (b, noun) => [undefined, b, noun]],
  [new RegExp(`(?<!\\w)${LEAST}${N}${NOUN}`, 'i'), (a, noun) => [a, undefined, noun]],
  [new RegExp(`\\b${N}${NOUN}\\s+(?:max(?:imum)?|or less|or fewer|at most)\\b`, 'i'), (b, noun) => [undefined, b, noun]],
  [new RegExp(`\\bexactly\\s+${N}${NOUN}`, 'i'), (n, noun) => [n, n, noun]],
]
const LETTERS = /^(char|chars|character|characters|letter|letters)$/i
const NO_NOUN = /^(default|and|or|each|if|when|for|by|long|inclusive|max|min|characters?-long|required|optional|only)$/i

const FORMATS = [
  ['UUID', /\bUUIDs?(\s*\(?v\d\)?)?/i],
  ['TIMESTAMP', /\b(ISO[ -]?8601|RFC[ -]?3339|ISO (date|timestamp|string)|timestamp)\b/i],
  ['URL', /\b(URL|https? (link|address))\b/i],
]
const DECIMAL = /\b(decimals?|fractions?|fractional|floats?|floating|double|ratio|percent(age)?)\b/i
const LARGE = /\b(unix|epoch|milliseconds since|bytes)\b/i

/** Fills in what the comment says; `note` hears what was decided, or not understood. */
export function applyComment(field, comment, note, error) {
  let rest = comment.replace(/\b(e\.g\.|for example|example:)[^)]*/i, '')
  const take = pattern => {
    const match = pattern.exec(rest)
    if (match) rest = rest.slice(0, match.index) + ' ; ' + rest.slice(match.index + match[0].length)
    return match
  }
  let words = comment
  takePattern(field, take, error)
  takeFormat(field, take, note)
  takeDefault(field, take, note, error)
  for (const [pattern, ends] of QUANTITIES) {
    for (let match; (match = take(pattern));) {
      // what has become a rule is told by the rule
      if (quantity(field, ends(...match.slice(1)), match[0].trim(), note)) words = without(words, match[0])
    }
  }
  if (take(/\b(non|not|never)[ -]?empty\b|must not be empty|cannot be empty/i)) atLeast(field, 1)
  if (take(/\b(non|not)[ -]?blank\b|not only white ?space/i)) field.rule.visible = true
  if (field.kind === 'int' && take(/\bpositive\b/i)) field.rule.min ??= 1
  if (field.kind === 'int' && take(/\bnon-?negative\b/i)) field.rule.min ??= 0
  if (field.kind === 'int') decideNumber(field, comment, note)
  field.description = words
  const left = /(?<!\w)[-\d][\d,_.]*\d*/.exec(rest.replace(/(?<!\d)-(?!\d)/g, ' '))
  if (left && /\d/.test(left[0])) note(`${field.json}: no rule was made of '${left[0]}' in its comment ("${comment}")`)
  if (field.required && /\boptional\b/i.test(rest)) note(`${field.json}: its comment says optional, but it has no '?': it is required`)
}

function takePattern(field, take, error) {
  const match = take(/\b(?:pattern|matches|match|regex)\s*:?\s*(?:`?\/((?:[^/\\]|\\.)+)\/`?|`([^`]+)`)/i)
  if (!match) return
  const pattern = (match[1] ?? match[2]).replace(/^\^/, '').replace(/\$$/, '')
  if (/\\[a-zA-Z]|\(\?|\*\?|\+\?/.test(pattern)) error(`${field.json}: the pattern ${pattern} is no POSIX one: write classes out ([0-9], [A-Za-z0-9_]), no look-arounds`)
  else field.rule.pattern = pattern
}

function takeFormat(field, take, note) {
  if (field.kind !== 'text') return
  for (const [format, pattern] of FORMATS) {
    if (take(pattern)) field.rule.format ??= format
  }
  if (/^id$|Ids?$/.test(field.json)) field.rule.format ??= 'UUID'
  if (!field.rule.format && /(At|Timestamp)$/.test(field.json)) {
    field.rule.format = 'TIMESTAMP'
    note(`${field.json}: taken as a time (RFC 3339), for its name`)
  }
}

function takeDefault(field, take, note, error) {
  const match = take(/\bdefault(?:s)?(?:\s+to|\s+is|:|=)?\s*[`'"]?(\w[\w-]*(?:\.\d+)?)[`'"]?/i)
  if (!match) return
  const value = match[1]
  const fits = { int: /^-?\d+(\.\d+)?$/, bool: /^(true|false)$/, text: /./ }[field.kind]?.test(value) ?? field.values?.includes(value)
  if (!fits || field.repeated) note(`${field.json}: no default was made of '${match[0]}' in its comment`)
  else if (field.required) error(`${field.json}: it has a default (${value}), so it is optional: write ${field.json}?`)
  else field.default = value
}

/** Letters are of texts, other nouns count the items of a list; a number stands for itself. */
function quantity(field, [least, most, noun], text, note) {
  const word = noun && !NO_NOUN.test(noun) ? noun : undefined
  const [from, to] = [least, most].map(end => end === undefined ? undefined : Number(end.replace(/[,_]/g, '')))
  const set = (low, high) => {
    if (from !== undefined) field.rule[low] = from
    if (to !== undefined) field.rule[high] = to
    return true
  }
  if (field.kind === 'text' && (LETTERS.test(word) || (!word && !field.repeated))) {
    if (field.rule.format) return void note(`${field.json}: '${text}' says nothing more of a ${field.rule.format}`)
    return set('min_length', 'max_length')
  }
  if (field.repeated && !LETTERS.test(word)) return set('min_items', 'max_items')
  if (['int', 'double'].includes(field.kind)) return set('min', 'max')
  note(`${field.json}: no rule was made of '${text}' in its comment`)
}

function atLeast(field, count) {
  if (field.repeated) field.rule.min_items ??= count
  else if (field.kind === 'text' && !field.rule.format) field.rule.min_length ??= count
}

/** A comment without one of its phrases, and without the commas that held it. */
function without(words, phrase) {
  const at = words.indexOf(phrase)
  if (at < 0) return words
  const before = words.slice(0, at).replace(/[\s,;:(-]*(\b(and|each|with|from|of)\s*)?$/i, ''), after = words.slice(at + phrase.length).replace(/^[\s,;:).]+/, '')
  return [before, after].filter(text => /\w/.test(text)).join(/[.!?]$/.test(before) ? ' ' : ', ')
}

/** TypeScript has one kind of number, a contract has several. */
function decideNumber(field, comment, note) {
  const ends = [field.rule.min, field.rule.max, field.default].filter(end => end !== undefined).map(Number)
  if (DECIMAL.test(comment) || /\d\.\d/.test(comment)) {
    Object.assign(field, { kind: 'double', type: 'double' })
  } else if (LARGE.test(comment) || ends.some(end => Math.abs(end) > 0x7fffffff)) {
    field.type = 'int64'
    field.rule.json_number = true
  } else {
    field.type = 'int32'
    if (!/\b(integer|whole|number|count|index|how many|at most|seconds|minutes|hours|days|ms|milliseconds)\b/i.test(comment)) note(`${field.json}: taken as a whole number; say "decimal" in its comment if it is not`)
  }
}
