// What the checker found, by kind; the first few of each kind with their evidence.

/** Every kind of fault that the checker knows, and what it means. */
export const KINDS = {
  lost: 'an acked change is not in the database',
  duplicate: 'a change took effect twice, or an event came twice',
  order: 'events came out of order, or with a gap that no RESYNC announced',
  phantom: 'something was delivered or acked that the database does not have',
  leak: 'something was delivered that was committed after access had been lost',
  accepted: 'a change was accepted from one who had lost access',
  effect: 'an error answer had an effect',
  answer: 'a retry got another answer than the first one',
  hang: 'a request got no answer, and its connection stayed open',
  stall: 'a request waited for a silent core, or for the bus',
  bus: 'long after all harm, events still came by heads only, at an edge whose bus should carry again',
  missing: 'a client that was connected at the end lacks events',
  resume: 'a subscription that should have gone on was not resumed',
  presence: 'who is said to be there is not who is there',
  growth: 'memory or descriptors of a process grew beyond the bound',
  log: 'the log in the database is not 1, 2, 3 … with fitting tags',
}

const SHOWN = 5

export class Findings {
  counts = Object.fromEntries(Object.keys(KINDS).map(kind => [kind, 0]))
  examples = []

  add(kind, text, evidence) {
    if (!(kind in this.counts)) throw new Error(`no such kind of finding: ${kind}`)
    if (this.counts[kind]++ < SHOWN) this.examples.push({ kind, text, evidence })
  }

  get total() {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0)
  }
}
