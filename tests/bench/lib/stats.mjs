// Medians, spreads, and numbers as people read them.

export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (!sorted.length) return NaN
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Between the quartiles: what half of the values differ by, whatever the outermost are. */
export function interquartile(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  const at = part => {
    const place = part * (sorted.length - 1)
    const below = sorted[Math.floor(place)]
    return below + (place % 1) * (sorted[Math.ceil(place)] - below)
  }
  return at(0.75) - at(0.25)
}

/** Median, least, most, and how many: of what `pick` takes from each run. */
export function summary(runs, pick) {
  const values = runs.map(pick).filter(Number.isFinite)
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), runs: values.length }
}

/** Three digits that matter: 12,345 · 123 · 12.3 · 1.23 · 0.123 */
export function number(value) {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

/** 0.12, or that it is not known. */
export const fixed = value => (Number.isFinite(value) ? value.toFixed(2) : '–')

/** "12.3 (11.9–12.8)" */
export function spread({ median: middle, min, max, runs }) {
  return runs > 1 ? `${number(middle)} (${number(min)}–${number(max)})` : number(middle)
}

/** Lines of cells, columns aligned. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => String(row[column]).length)))
  return rows.map(row => row.map((cell, i) => String(cell).padEnd(widths[i])).join('  ').trimEnd()).join('\n')
}

export function markdown(rows) {
  const line = row => `| ${row.map(cell => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(rows[0]), `|${'---|'.repeat(rows[0].length)}`, ...rows.slice(1).map(line)].join('\n')
}
