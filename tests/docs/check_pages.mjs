// Every page of docs/events has the headings of an event page of a gateway, in their order,
// so that who knows such pages finds everything where they expect it; and every event of a
// page has its parts.
//
//   node check_pages.mjs ROOT

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(process.argv[2] ?? '.', 'docs/events')

const page = [
  '# * WebSocket Events',
  '## Overview',
  '## Gateway Configuration',
  '## Event Categories',
  '### Client → Server Events',
  '### Server → Client Events',
  '## Room Management',
  '### Room Joining',
  '### Room Leaving',
  '## Connection Lifecycle',
  '### Connection Handler',
  '### Disconnection Handler',
  '## Error Handling',
  '### Error Event Structure',
  '### Common Error Patterns',
  '## Rate Limiting',
  '## Testing WebSocket Events',
  '### Gateway Testing',
  '### Frontend Testing',
  '## Event Flow Examples',
  '### Example 1: *',
  '### Example 2: *',
  '## Performance Considerations',
  '### Scalability',
  '### Memory Management',
  '## Troubleshooting',
  '### Common Issues',
  '### Debugging Tools',
  '## Related Documentation',
]
const clientEvent = {
  headings: ['Payload Structure', 'Handler Implementation', 'Frontend Usage', 'Reply', 'Errors', 'Limits'],
  labels: ['Event', 'Purpose', 'Authentication', 'RBAC Required', 'Resource', 'Throttle'],
  words: ['enum err ', 'useWebSocket()', "from '@belfry/client'", 'socket.io-client', 'curl -s', 'VALIDATION_ERROR'],
}
const serverEvent = {
  headings: ['Payload Structure', 'Backend Emission', 'Frontend Handling'],
  labels: ['Event', 'Purpose', 'Scope', 'Trigger'],
  words: ['useWebSocketEvent(', 'socket.on('],
}
const wholePage = [
  '> **Gateway:**', '> **Contract:**', '> **Client Events:**', '> **Domain:**',
  'BELFRY_CORS_ORIGIN', '```mermaid', '1. **Connection Failures**', '2. **Event Not Received**', '3. **Performance Issues**',
  '**Symptoms:**', '**Cause:**', '**Solution:**', '**Prevention:**', '**Command:**',
  "localStorage.debug = 'socket.io-client:socket'", 'socket.onAny(', 'belfry tail',
  'MockedWebSocketProvider.emitEvent(', '#include "support/event_test.h"',
  '**Redis Adapter:**', '**Room Size Limits:**', '**Event Throttling:**',
  '**Connection Cleanup:**', '**Room Management:**', '**Message Queuing:**',
]

let passed = 0
let failed = 0
const expect = (holds, file, what) => {
  if (!holds) console.log(`not ok - ${file}: ${what}`)
  holds ? passed++ : failed++
}

/** Text outside of fences, by line, with the fences' lines left empty. */
const outside = text => text.replace(/^```[\s\S]*?^```$/gm, fence => fence.replace(/[^\n]/g, ''))
const fits = (heading, wanted) => wanted.includes('*')
  ? heading.startsWith(wanted.split('*')[0]) && heading.endsWith(wanted.split('*')[1])
  : heading === wanted

function checkPage(file, text) {
  let wanted = 0
  const headings = outside(text).split('\n').filter(line => /^#{1,3} /.test(line))
  for (const heading of headings) if (wanted < page.length && fits(heading, page[wanted])) wanted++
  expect(wanted === page.length, file, `heading missing or not in its place: ${page[wanted]}`)
  for (const words of wholePage) expect(text.includes(words), file, `does not say ${words}`)
  expect(!/\{\{\w+\}\}/.test(text), file, 'a placeholder was left')
}

function checkTables(file, text) {
  const lines = outside(text).split('\n')
  const cells = line => line.replace(/\\\|/g, '').split('|').length
  lines.forEach((line, i) => {
    if (line.startsWith('|') && lines[i - 1]?.startsWith('|')) {
      expect(cells(line) === cells(lines[i - 1]), file, `line ${i + 1}: a row with another number of cells`)
    }
  })
}

function checkEvents(file, text, from, to, parts) {
  const section = text.slice(text.indexOf(`\n### ${from}\n`), text.indexOf(`\n${to}\n`))
  for (const event of section.split(/^#### /m).slice(1)) {
    const name = event.slice(0, event.indexOf('\n'))
    let at = 0
    for (const heading of parts.headings) {
      const found = event.indexOf(`\n##### ${heading}\n`, at)
      expect(found >= 0, file, `${name} has no ${heading}, or not in its place`)
      at = Math.max(found, at)
    }
    for (const label of parts.labels) expect(new RegExp(`^\\*\\*${label}:\\*\\* \\S`, 'm').test(event), file, `${name}: no ${label}`)
    for (const words of parts.words) expect(event.includes(words), file, `${name} does not say ${words}`)
  }
}

const domains = ['auth', 'community', 'messages', 'presence', 'rooms']
const files = readdirSync(folder).filter(file => file.endsWith('.md'))
for (const domain of domains) expect(files.includes(`${domain}.md`), folder, `no ${domain}.md`)
for (const file of files) {
  const text = readFileSync(join(folder, file), 'utf8')
  checkTables(file, text)
  if (file === 'README.md') continue
  checkPage(file, text)
  checkEvents(file, text, 'Client → Server Events', '### Server → Client Events', clientEvent)
  checkEvents(file, text, 'Server → Client Events', '## Room Management', serverEvent)
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
