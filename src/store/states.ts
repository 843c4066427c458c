/**
 * The life of a mutation in the journal.
 *
 *     pending ──┬──────────────► cancelled
 *       │       │ (nothing left this process)
 *       ▼       │
 *      sent ────┤
 *       │       ├──► applied      the API took every row
 *       │       ├──► refused      the API took none
 *       │       └──► partial      the API took some
 *       ▼
 *    unknown ───┬──► applied | refused | partial
 *               └──► undecided    the API cannot tell, and never will
 *
 * `pending`: the intent is on disk and the request is held back by this process. `sent`: the request may have left. A
 * write that is sent at once opens as `sent`, which saves a commit; `pending` is worth its commit only where a statement
 * is held back for long, because a dead process's pending mutation needs no question to the API. `unknown`: the answer
 * did not come, or the process that waited for it is gone. Right of the arrows everything is final.
 */
export type MutationState =
  | 'pending'
  | 'sent'
  | 'unknown'
  | 'applied'
  | 'refused'
  | 'partial'
  | 'cancelled'
  | 'undecided';

const next: Readonly<Record<MutationState, readonly MutationState[]>> = {
  pending: ['sent', 'cancelled'],
  sent: ['applied', 'refused', 'partial', 'unknown', 'cancelled'],
  unknown: ['unknown', 'applied', 'refused', 'partial', 'undecided', 'cancelled'],
  applied: [],
  refused: [],
  partial: [],
  cancelled: [],
  undecided: [],
};

const states: readonly MutationState[] = [
  'pending',
  'sent',
  'unknown',
  'applied',
  'refused',
  'partial',
  'cancelled',
  'undecided',
];

/** Whether a mutation in this state will never change again. */
export function isFinal(state: MutationState): boolean {
  return next[state].length === 0;
}

/** Whether the arrow from one state to another is drawn above. */
export function canBecome(from: MutationState, to: MutationState): boolean {
  return next[from].includes(to);
}

/** The states from which an arrow leads to this one. */
export function statesBefore(to: MutationState): readonly MutationState[] {
  return states.filter((from) => canBecome(from, to));
}
