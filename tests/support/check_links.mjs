// Every relative link of every Markdown file leads to a file that is there, and to a
// heading of it when it names one.
//
//   node check_links.mjs ROOT

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const root = resolve(process.argv[2] ?? '.')
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n').filter(file => file && existsSync(join(root, file)))
  // pages of other teams, whose links lead into their own trees
  .filter(file => !file.startsWith('tests/new_event/pages/'))

/** The name by which a heading is linked to. */
const slug = heading => heading.trim().toLowerCase().replace(/[`*]/g, '').replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')
const withoutCode = text => text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '')
const headings = file => new Set([...readFileSync(file, 'utf8').matchAll(/^#+\s+(.*)$/gm)].map(([, text]) => slug(text)))

let passed = 0
let failed = 0
for (const file of files) {
  const text = withoutCode(readFileSync(join(root, file), 'utf8'))
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue
    const [path, anchor] = target.split('#')
    const there = path ? resolve(join(root, dirname(file)), path) : join(root, file)
    let wrong = ''
    if (!existsSync(there)) wrong = 'is not there'
    else if (anchor && statSync(there).isFile() && !headings(there).has(anchor)) wrong = 'has no such heading'
    if (wrong) console.log(`not ok - ${file}: ${target} ${wrong}`)
    wrong ? failed++ : passed++
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
