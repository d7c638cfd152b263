// Names that all parts of the checker use.

export const ROOM = 'room'
export const COMMUNITY = 'community'
export const KIND_NAMES = [null, COMMUNITY, 'members', ROOM, 'user', 'access']

export const seqOf = cursor => Number(cursor.split('.')[0])
export const tagOf = cursor => parseInt(cursor.split('.')[1], 16)

/** What the load says long after all harm, when the bus must carry again. */
export const RING = 'does the bus carry?'

/** Answers that were given before SQL: they decide nothing about the key. */
export const UNDECIDED = new Set(['UNAVAILABLE', 'RATE_LIMITED', 'TOKEN_EXPIRED'])

/** Until when a fault may be felt. */
export function feltUntil({ t, end, what }) {
  const after = what === 'postgres' ? 8000 : 3000
  return (end ?? t) + after
}
