// The rest of a page that says something: the gateway, the limits, flows and troubles.

import { blocksOf, find } from './markdown.mjs'

/** Namespace and origins. */
export function gatewayOf({ title, at, findings }) {
  const section = find(title, /^gateway configuration/i)
  for (const { line, lines } of blocksOf(section)) {
    const place = pattern => {
      const index = lines.findIndex(text => pattern.test(text.replace(/\/\/.*$/, '')))
      return index < 0 ? undefined : { line: line + index, match: pattern.exec(lines[index]) }
    }
    const namespace = place(/\bnamespace:\s*['"`]([^'"`]*)['"`]/), anyOrigin = place(/\borigin:\s*(true|['"]\*['"])/)
    const credentials = place(/\bcredentials:\s*false/), origins = place(/\borigin:.*\[(.*)\]/)
    if (anyOrigin) findings.note(at(anyOrigin.line), "origin '*': any origin is never let in; name them in BELFRY_CORS_ORIGIN (patterns like https://*.example.com)")
    if (credentials) findings.note(at(credentials.line), 'credentials: false: origins that are let in always get Allow-Credentials')
    const listed = [...(origins?.match[1] ?? '').matchAll(/['"]([^'"]+)['"]/g)].map(([, origin]) => origin)
    if (listed.length > 0 && String(listed) !== 'http://localhost:5173') findings.note(at(origins.line), `origins are a setting of the edges, not of an event: BELFRY_CORS_ORIGIN=${listed.join(',')}`)
    if (!namespace) continue
    const name = namespace.match[1]
    if (!/^\/[\w/-]*$/.test(name)) findings.error(at(namespace.line), `the namespace '${name}' begins with / and has letters, digits, _ and -`)
    return { namespace: name, line: namespace.line }
  }
  return {}
}

const WORDED = /\b(\d+)\s*(?:requests?|events?|messages?|times?|calls?)?\s*(?:per|in|\/|every|each|within)\s*(\d+)?\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|h)\b/i

function worded(text) {
  const match = WORDED.exec(text)
  if (!match) return
  const unit = { s: 1, m: 60, h: 3600 }[match[3][0].toLowerCase()]
  return { limit: Number(match[1]), perSeconds: Number(match[2] ?? 1) * unit, byConnection: /per connection|by connection/i.test(text) }
}

/** @Throttle(5, 60), and the newer form with milliseconds. */
function throttle(inside) {
  const plain = /^\s*(\d+)\s*,\s*(\d+)\s*$/.exec(inside)
  if (plain) return { limit: Number(plain[1]), perSeconds: Number(plain[2]) }
  const limit = /\blimit:\s*(\d+)/.exec(inside)?.[1], ttl = /\bttl:\s*([\d_]+)/.exec(inside)?.[1]?.replace(/_/g, '')
  if (limit && ttl && Number(ttl) >= 1000) return { limit: Number(limit), perSeconds: Math.round(Number(ttl) / 1000) }
}

/** Limits of the section Rate Limiting, by event. */
export function ratesOf({ title, at, findings }) {
  const section = find(title, /^rate limiting/i), found = new Map()
  const add = (name, rate, line) => {
    const before = found.get(name)
    if (before && (before.limit !== rate.limit || before.perSeconds !== rate.perSeconds)) findings.error(at(line), `${name} has two different limits`)
    found.set(name, { ...rate, line })
  }
  for (const { line, lines } of blocksOf(section)) throttled(lines, line, add, { at, findings })
  for (const { line, text } of section ? [section, ...section.children].flatMap(({ lines }) => lines) : []) {
    const rate = worded(text)
    for (const [, name] of rate ? text.matchAll(/`([A-Z][A-Z0-9_]+)`/g) : []) add(name, rate, line)
  }
  return {
    of: name => found.get(name),
    worded,
    decorated: decorator => {
      const rate = decorator && throttle(decorator.inside)
      if (decorator && !rate) findings.error(at(decorator.line), `@Throttle(${decorator.inside.trim()}) cannot be understood: write @Throttle(5, 60), how many in how many seconds`)
      return rate
    },
    unused: names => {
      for (const [name, { line }] of found) {
        if (!names.includes(name)) findings.error(at(line), `a limit is given for ${name}, which is no client event of this page`)
      }
    },
  }
}

function throttled(lines, line, add, { at, findings }) {
  let waiting
  lines.forEach((text, i) => {
    const code = text.replace(/\/\/.*$/, ''), inside = /@Throttle\((.*)\)/.exec(code)?.[1]
    if (inside !== undefined) {
      const rate = throttle(inside)
      if (!rate) findings.error(at(line + i), `@Throttle(${inside}) cannot be understood: write @Throttle(5, 60), how many in how many seconds`)
      waiting = rate && { rate, line: line + i }
    }
    const name = /@SubscribeMessage\((?:ClientEvents\.|['"])(\w+)/.exec(code)?.[1]
    if (name && waiting) {
      add(name, waiting.rate, waiting.line)
      waiting = undefined
    }
  })
  if (waiting) findings.error(at(waiting.line), '@Throttle names no event: a @SubscribeMessage(ClientEvents.…) follows it')
}

/** Examples told in numbered steps; drawn ones are drawn anew from the contract. */
export function flowsOf({ title }) {
  return (find(title, /^event flow/i)?.children ?? []).map(({ title: heading, lines }) => {
    const steps = lines.map(({ text }) => /^\s*\d+[.)]\s+(.*)$/.exec(text)?.[1].trim()).filter(Boolean)
    const updates = steps.length > 0 && /^clients? (update|show|change)/i.test(steps.at(-1)) ? [steps.pop()] : []
    return { title: heading.replace(/^Example\s*\d*\s*:?\s*/i, ''), steps, updates }
  }).filter(({ title, steps }) => steps.length > 0 && !/^\[/.test(title))
}

/** `1. **Symptom**` with its Cause, Solution and Prevention. */
export function troublesOf({ title }) {
  const troubles = []
  for (const { text } of (find(title, /^troubleshooting/i)?.children ?? []).flatMap(({ lines }) => lines)) {
    const symptom = /^\d+\.\s+\*\*([^*]+)\*\*/.exec(text)?.[1]
    const [, label, words] = /^\s+-\s+\*\*(Symptoms?|Cause|Solution|Prevention):\*\*\s*(.*?)\s*$/.exec(text) ?? []
    if (symptom) troubles.push({ symptom: symptom.replace(/:$/, '') })
    else if (label && troubles.length > 0 && !/^\[/.test(words)) troubles.at(-1)[label.startsWith('Symptom') ? 'symptom' : label.toLowerCase()] = words
  }
  return troubles.filter(({ cause, solution }) => cause && solution)
}

