// The contract as the tree has it: which names are taken, which actions there are, and
// where in which file something can be added.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseProto, single } from './proto_text.mjs'

export function readContract(root) {
  const contract = {
    domains: new Map(),      // name → { name, path, text, parsed, namespace }
    clientEvents: new Map(), // name → { domain, rpc, def }
    serverEvents: new Map(), // name → { domain, message, def }
    messages: new Map(),     // name → { domain, message }
    ...readOptions(root),
  }
  const folder = join(root, 'proto/events')
  for (const file of readdirSync(folder).filter(name => name.endsWith('.proto')).sort()) {
    addFile(contract, file, readFileSync(join(folder, file), 'utf8'))
  }
  return contract
}

function addFile(contract, file, text) {
  const path = `proto/events/${file}`, parsed = parseProto(text, path)
  const name = file.slice(0, -'.proto'.length)
  const domain = { name, path, text, parsed, namespace: parsed.domain?.value.namespace?.[0] ?? '/' }
  contract.domains.set(name, domain)
  for (const service of parsed.services) {
    for (const rpc of service.rpcs.filter(rpc => rpc.event)) {
      const def = rpc.event.value
      contract.clientEvents.set(def.name[0], { domain, rpc, def, planned: def.planned?.[0] === 'true' })
    }
  }
  for (const message of parsed.messages) {
    contract.messages.set(message.name, { domain, message })
    if (message.event) {
      const def = message.event.value
      contract.serverEvents.set(def.name[0], { domain, message, def, planned: def.planned?.[0] === 'true', ...serverEvent(def) })
    }
  }
}

/** What a server event says of itself, in our own words. */
function serverEvent(def) {
  const { scope, durable, except_sender: exceptSender } = single(def)
  return { scope: scope.replace(/_SCOPE$/, '').toLowerCase(), durable: durable === 'true', exceptSender: exceptSender === 'true' }
}

/** Actions and kinds of resources are the words of options.proto. */
function readOptions(root) {
  const text = readFileSync(join(root, 'proto/belfry/options.proto'), 'utf8')
  return { actions: enumOf(text, 'Action'), resources: enumOf(text, 'ResourceType'), sources: enumOf(text, 'ResourceIdSource') }
}

function enumOf(text, name) {
  const body = new RegExp(`^enum ${name} \\{([^}]*)\\}`, 'm').exec(text)[1]
  return [...body.matchAll(/^\s*([A-Z_]+) = \d+;/gm)].map(match => match[1])
}

/** Actions on this kind of resource, for a message that names those that would do. */
export function unknownAction(contract, action) {
  return `${action} is no action; there are ${contract.actions.join(', ')}. `
    + 'A new one is a line of enum Action in proto/belfry/options.proto (the next number), '
    + 'and a row of its name where migrations make the names of rights'
}
