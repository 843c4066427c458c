/** What a provider answered, summed up: what to apply, what to journal, what to tell the client. */
import type { SyncedTable } from '../catalog/index.js';
import { type Fault, FaultError, fault } from '../errors/index.js';
import type { Outcome, Rec } from '../provider/index.js';
import type { RowOutcome } from '../store/index.js';
import type { MutationFacts } from '../upstream/index.js';

export interface Verdict {
  /** By row; null where the row was not applied. */
  readonly applied: readonly (Rec | null)[];
  readonly state: 'applied' | 'refused' | 'partial' | 'unknown';
  readonly rows: readonly RowOutcome[];
}

/** Sums up the outcomes of a batch, one a row. */
export function judge(table: SyncedTable, keys: readonly (string | null)[], outcomes: readonly Outcome[]): Verdict {
  const applied = outcomes.map((outcome) => (outcome.kind === 'applied' ? outcome.record : null));
  const rows = outcomes.map((outcome, i): RowOutcome => {
    const key = keys[i] ?? null;
    if (outcome.kind === 'applied') {
      const version = table.resource.version === undefined ? undefined : outcome.record.values[table.resource.version];
      return {
        outcome: 'applied',
        key: outcome.record.key,
        ...(typeof version === 'string' ? { version } : {}),
        ...(outcome.created === undefined ? {} : { created: outcome.created }),
      };
    }
    return { outcome: outcome.kind, key, error: wordsOf(outcome.fault) };
  });
  const count = applied.filter((record) => record !== null).length;
  const unknown = outcomes.some((outcome) => outcome.kind === 'unknown');
  const state = unknown ? 'unknown' : count === outcomes.length ? 'applied' : count === 0 ? 'refused' : 'partial';
  return { applied, state, rows };
}

function wordsOf(of: Fault): string {
  return [of.message, of.detail, of.context].filter((part) => part !== undefined).join('; ');
}

/** The error that a client gets for outcomes that are not all applied. `mutation` is the journal entry's id. */
export function clientError(
  table: SyncedTable,
  facts: MutationFacts,
  verdict: Verdict,
  outcomes: readonly Outcome[],
  mutation: string,
): FaultError {
  const { provider } = table;
  const place = { schema: table.schema, table: table.name };
  if (verdict.state === 'unknown') {
    const first = outcomes.find((outcome) => outcome.kind === 'unknown');
    return new FaultError(
      fault('outcome_unknown', {
        params: { provider, mutation },
        ...place,
        ...(first?.kind === 'unknown' && first.fault.context !== undefined ? { context: first.fault.context } : {}),
      }),
    );
  }
  const culprit = culpritOf(outcomes);
  if (culprit === null) return new FaultError(fault('internal', { params: { what: 'a refusal without a reason' } }));
  if (verdict.state === 'partial') return partial(table, facts, outcomes);
  return new FaultError(atRow(withPlace(culprit.fault, table), culprit.row, outcomes.length));
}

function culpritOf(outcomes: readonly Outcome[]): { readonly fault: Fault; readonly row: number } | null {
  let sibling: { fault: Fault; row: number } | null = null;
  for (const [row, outcome] of outcomes.entries()) {
    if (outcome.kind !== 'rejected') continue;
    if (outcome.sibling !== true) return { fault: outcome.fault, row };
    sibling ??= { fault: outcome.fault, row };
  }
  return sibling;
}

/** The table's own names, which the provider does not know. */
function withPlace(of: Fault, table: SyncedTable): Fault {
  return { ...of, schema: of.schema ?? table.schema, table: table.name };
}

function atRow(of: Fault, row: number, rows: number): Fault {
  if (rows === 1) return of;
  const where = `row ${row + 1} of ${rows}`;
  return { ...of, context: of.context === undefined ? where : `${of.context}\n${where}` };
}

/** How many rows of each kind are named in the DETAIL of a partial outcome. */
const maxNamed = 20;

function partial(table: SyncedTable, facts: MutationFacts, outcomes: readonly Outcome[]): FaultError {
  const applied: string[] = [];
  const refused: string[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.kind === 'applied') applied.push(`row ${i + 1} (${outcome.record.key})`);
    else refused.push(`row ${i + 1}: ${(outcome.fault.detail ?? outcome.fault.message).replace(/\.$/, '')}`);
  }
  const shown = (list: readonly string[]): string =>
    list.length <= maxNamed
      ? list.join(', ')
      : `${list.slice(0, maxNamed).join(', ')} and ${list.length - maxNamed} more`;
  return new FaultError(
    fault('partially_applied', {
      params: { provider: table.provider, applied: applied.length, count: outcomes.length },
      detail: `Applied and in the database: ${shown(applied)}. Not applied: ${shown(refused)}.`,
      hint: `Run the ${facts.verb.toUpperCase()} again for the rows that were not applied.`,
      schema: table.schema,
      table: table.name,
    }),
  );
}
