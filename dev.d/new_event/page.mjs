// A page in the form of the documents (headings, `**Event:**` lines, TypeScript payloads,
// decorators) into what is to be added. All that cannot be understood is told at once, by
// line; what was decided without being told is a note.

import { basename } from 'node:path'
import { Findings } from './model.mjs'
import { blocksOf, find, labels, parseMarkdown, prose } from './markdown.mjs'
import { clientEventOf, serverEventOf } from './page_events.mjs'
import { PageTypes } from './page_types.mjs'
import { flowsOf, gatewayOf, ratesOf, troublesOf } from './page_rest.mjs'
import { parseDeclarations } from './typescript.mjs'
import { DOMAIN_NAME, sentence } from './words.mjs'

const SECTIONS = [
  /^overview/i, /^gateway configuration/i, /^event categories/i, /^room management/i, /^connection lifecycle/i,
  /^error handling/i, /^rate limiting/i, /^testing/i, /^event flow/i, /^performance/i, /^troubleshooting/i, /^related/i,
]

export function additionOfPage(text, path, contract) {
  const findings = new Findings(), name = basename(path)
  const at = line => `${name}:${line}`
  const root = parseMarkdown(text), title = root.children[0]
  if (!title || title.level !== 1) {
    findings.error(at(1), "the page begins with '# … WebSocket Events'")
    findings.refuse()
  }
  const page = { at, findings, contract, title }
  for (const section of title.children) {
    if (!SECTIONS.some(pattern => pattern.test(section.title))) findings.note(at(section.line), `'${section.title}' is no section of the form, it was not read`)
  }
  page.rates = ratesOf(page)
  page.types = new PageTypes(declarationsOf(page), contract, at, findings)
  const domain = domainOf(page)
  const serverEvents = eventSections(page, /^server\b.*\bclient/i).map(section => serverEventOf(section, page))
  page.serverNames = new Set(serverEvents.map(event => event.name))
  const clientEvents = eventSections(page, /^client\b.*\bserver/i).map(section => clientEventOf(section, page))
  if (clientEvents.length + serverEvents.length === 0) findings.error(at(title.line), "no event is described: there is no '#### EVENT_NAME' under 'Event Categories'")
  page.rates.unused(clientEvents.map(event => event.name))
  joinCauses(clientEvents, serverEvents, page)
  const { uuids } = page.types
  if (uuids.size > 0) findings.note(name, `taken as UUIDs, for their names: ${[...uuids].join(', ')}`)
  findings.refuse()
  domain.flows = flowsOf(page)
  domain.troubles = troublesOf(page)
  return { domain, clientEvents, serverEvents, parts: usedParts(page, clientEvents, serverEvents), findings }
}

/** The `####` headings under Client → Server Events, or Server → Client Events. */
function eventSections({ title, at, findings }, pattern) {
  const categories = find(title, /^event categories/i)
  if (!categories) {
    findings.error(at(title.line), "there is no section '## Event Categories'")
    return []
  }
  return (find(categories, pattern)?.children ?? []).filter(section => section.level === 4)
}

/** Everything declared in payload and reply blocks, whichever event it stands at. */
function declarationsOf({ title, at, findings }) {
  const all = new Map()
  const categories = find(title, /^event categories/i) ?? { children: [] }
  for (const event of categories.children.flatMap(({ children }) => children)) {
    for (const part of event.children.filter(({ title }) => /^(payload|reply|response)/i.test(title))) {
      for (const block of blocksOf(part).filter(({ language }) => /^(ts|tsx|typescript)$/i.test(language))) {
        const found = parseDeclarations(block.text, block.line, (line, text) => findings.error(at(line), text))
        for (const [name, declaration] of found) {
          // the same interface may stand at each event that uses it
          if (all.has(name) && meaning(all.get(name)) !== meaning(declaration)) findings.error(at(declaration.line), `${name} is declared twice, in different words`)
          all.set(name, declaration)
        }
        part.declared = [...(part.declared ?? []), ...found.keys()]
      }
    }
  }
  return all
}
const meaning = declaration => JSON.stringify(declaration, (key, value) => ['line', 'open', 'close'].includes(key) ? undefined : value)

function domainOf(page) {
  const { title, at, findings, contract } = page
  const domain = labels(title).get('domain')
  const overview = find(title, /^overview/i)
  if (!domain) findings.error(at(title.line), "there is no '> **Domain:** …' line")
  else if (!DOMAIN_NAME.test(domain.value)) findings.error(at(domain.line), `'${domain.value}' is no domain's name: one lower-case word, such as ${[...contract.domains.keys()].join(', ')} or a new one`)
  const words = overview ? sentence(prose(overview)) : ''
  if (!words || /^\[/.test(words)) findings.error(at(overview?.line ?? title.line), "there is no overview: say in '## Overview' what these events are for")
  const gateway = gatewayOf(page), there = contract.domains.get(domain?.value)
  if (there && gateway.namespace && gateway.namespace !== there.namespace) {
    findings.error(at(gateway.line), `the namespace of ${there.name} is '${there.namespace}', not '${gateway.namespace}': a domain has one`)
  }
  if (there && overview) findings.note(at(overview.line), `the overview of ${there.name} stays as the contract has it`)
  return { name: domain?.value ?? '', namespace: gateway.namespace ?? '/', overview: words }
}

/** Who causes what is told on either side: by the trigger, or by what a handler sends. */
function joinCauses(clientEvents, serverEvents, { findings }) {
  for (const server of serverEvents) {
    for (const name of server.triggers) {
      const client = clientEvents.find(event => event.name === name)
      if (client && !client.causes.includes(server.name)) client.causes.push(server.name)
    }
    const causing = clientEvents.filter(event => event.causes.includes(server.name))
    if (causing.length > 0) server.trigger = 'CLIENT_EVENT'
    else if (server.triggers.length > 0) findings.error(server.triggerAt, `${server.name}: ${server.triggers.join(', ')} is no event of this page that could cause it`)
    if (causing.length > 0 && server.durable && causing.some(({ kind }) => kind !== 'change')) {
      if (server.deliverySaid) findings.error(server.at, `${server.name} is durable, but ${causing.find(({ kind }) => kind !== 'change').name}, which causes it, is no change`)
      server.durable = false
      findings.note(server.at, `${server.name}: taken as ephemeral, as what causes it is no change`)
    }
  }
}

/** Interfaces that events use inside their payloads. */
function usedParts({ types }, clientEvents, serverEvents) {
  const own = new Set([...clientEvents.map(event => event.payload.name), ...serverEvents.map(event => event.message.name)])
  return [...types.parts.values()].filter(part => part && !own.has(part.name))
}
