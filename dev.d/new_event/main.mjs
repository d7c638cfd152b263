// ./dev new-event: reads what is to be added (flags, a page, or a planned event of the
// contract), has it judged, writes the files, and prints their names on its output.

import { readFileSync } from 'node:fs'
import { readContract } from './contract.mjs'
import { additionOfFlags, readFlags, USAGE } from './flags.mjs'
import { byLine, complete, messageOf, plannedEvent } from './model.mjs'
import { additionOfPage } from './page.mjs'
import { unplanned } from './print_proto.mjs'
import { judge, planFiles, write } from './tree.mjs'
import { Refusal } from './words.mjs'

const [root, generator, ...words] = process.argv.slice(2)

try {
  main()
} catch (error) {
  if (!(error instanceof Refusal)) throw error
  for (const line of error.lines) console.error(line)
  console.error('dev: new-event changed nothing')
  process.exit(1)
}

function main() {
  if (words.some(word => word === '-h' || word === '--help')) return console.log(USAGE)
  const contract = readContract(root), flags = readFlags(words)
  const { addition, protos, notes } = asked(flags, contract)
  const message = name => addition.parts.find(part => part.name === name) ?? messageOf(contract, name)
  for (const event of addition.clientEvents) event.message = message
  const files = planFiles(root, addition, contract, protos)
  judge(root, generator, files)
  write(root, files)
  for (const note of byLine(notes)) console.error(`note: ${note}`)
  for (const path of files.keys()) console.log(path)
}

function asked(flags, contract) {
  const page = flags.find(([name]) => name === '--from')?.[1]
  if (page !== undefined) {
    if (flags.length > 1) throw new Refusal('--from takes everything from the page: no other flags or names')
    return completed(additionOfPage(textOf(page), page, contract), contract)
  }
  const [domain, name, ...rest] = flags
  const there = name && contract.clientEvents.get(name[1])
  if (there?.planned && there.domain.name === domain[1]) {
    if (rest.length > 0) throw new Refusal(`${name[1]} is planned: the contract says all there is to say, in ${there.domain.path}; no flags`)
    return planned(contract, name[1])
  }
  return completed(additionOfFlags(flags, contract), contract)
}

function completed(addition, contract) {
  complete(addition, contract, addition.findings)
  return { addition, notes: addition.findings.notes }
}

/** The contract stays as it is, but for the word `planned`. */
function planned(contract, name) {
  const { domain, event } = plannedEvent(contract, name)
  const addition = { domain: { name: domain.name, overview: domain.parsed.domain?.value.overview?.[0] ?? domain.name }, clientEvents: [event], parts: [], serverEvents: [] }
  return { addition, protos: unplanned(domain, event, contract), notes: [] }
}

function textOf(page) {
  try {
    return readFileSync(page, 'utf8')
  } catch (error) {
    throw new Refusal(`${page} cannot be read: ${error.message}`)
  }
}
