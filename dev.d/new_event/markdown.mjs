// A page as a tree of headings, each with its lines, its code blocks and its `**Name:**`
// lines, all with the numbers they have in the page.

/** @returns the root: { level: 0, children }; a heading is { level, title, line, lines, blocks, children } */
export function parseMarkdown(text) {
  const root = section(0, '', 1), open = [root]
  let block
  text.split(/\r?\n/).forEach((content, index) => {
    const line = index + 1, fence = /^\s*(`{3,}|~{3,})\s*(\S*)/.exec(content)
    const current = open.at(-1)
    if (block) {
      if (fence && content.trim() === block.fence) block = undefined
      else block.lines.push(content)
    } else if (fence) {
      block = { fence: fence[1], language: fence[2], line: line + 1, lines: [], get text() { return this.lines.join('\n') } }
      current.blocks.push(block)
    } else {
      const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(content)
      if (!heading) return void current.lines.push({ line, text: content })
      const made = section(heading[1].length, heading[2], line)
      while (open.at(-1).level >= made.level) open.pop()
      open.at(-1).children.push(made)
      open.push(made)
    }
  })
  return root
}

function section(level, title, line) {
  return { level, title, line, lines: [], blocks: [], children: [] }
}

/** `**Name:** value` → { value, line }; backticks around a single word are gone. */
export function labels(section) {
  const found = new Map()
  for (const { line, text } of section.lines) {
    const match = /^>?\s*\*\*([^*:]+):?\*\*:?\s*(.*?)\s*$/.exec(text)
    if (match) found.set(match[1].trim().toLowerCase(), { value: match[2].replace(/^`([^`]*)`$/, '$1'), line })
  }
  return found
}

export function find(section, pattern) {
  return section.children.find(({ title }) => pattern.test(title))
}

/** All code blocks below a heading, in order. */
export function blocksOf(section) {
  return section ? [...section.blocks, ...section.children.flatMap(blocksOf)] : []
}

/** The words of a section, without empty lines, placeholders and comments. */
export function prose(section) {
  return section.lines.map(({ text }) => text.trim()).filter(text => text && !/^(---+|<!--.*)$/.test(text)).join(' ')
}
