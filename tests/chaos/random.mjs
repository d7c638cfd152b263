// Numbers that a seed decides: the same seed gives the same schedule.

export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }

  /** From 0 up to 1 (mulberry32). */
  next() {
    let z = this.#state = (this.#state + 0x6d2b79f5) >>> 0
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296
  }

  below(count) {
    return Math.floor(this.next() * count)
  }

  between(low, high) {
    return low + this.next() * (high - low)
  }

  chance(share) {
    return this.next() < share
  }

  of(list) {
    return list[this.below(list.length)]
  }

  /** Waiting times as of independent events, bounded. */
  waiting(mean) {
    return Math.min(-Math.log(1 - this.next()) * mean, mean * 5)
  }

  shuffled(list) {
    const copy = [...list]
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [copy[i], copy[j]] = [copy[j], copy[i]]
    }
    return copy
  }

  /** One of { name: weight }. */
  weighted(weights) {
    let left = this.next() * Object.values(weights).reduce((sum, weight) => sum + weight, 0)
    for (const [name, weight] of Object.entries(weights)) if ((left -= weight) < 0) return name
    return Object.keys(weights)[0]
  }
}

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Until the condition holds; false when it does not in time. */
export async function until(condition, ms, every = 50) {
  const end = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > end) return false
    await sleep(every)
  }
  return true
}
