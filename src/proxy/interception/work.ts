/** What Upwrite does itself of the statements that a client sends; everything else is the database's. */
import type {
  CopyFrom,
  ExecutePrepared,
  Explain,
  Mutation,
  Prepare,
  RelationName,
  Statement,
} from '../../sql/index.js';

/** A write that cannot be one API request, with what to write instead. */
export interface Refused {
  readonly kind: 'refused';
  readonly what: string;
  readonly targets: readonly RelationName[];
  readonly hint: string;
}

/** The client's own BEGIN behind a write of the same pipeline, for which Upwrite has opened a block already. */
export interface Begin {
  readonly kind: 'begin';
}

export type Work = Mutation | Refused | Explain | CopyFrom | Prepare | ExecutePrepared;

const plainHint = 'Write a plain INSERT, UPDATE or DELETE of the table: each becomes one API request.';
const analyzeHint = 'Use EXPLAIN without ANALYZE, which shows the API request and sends nothing.';

export interface WorkContext {
  /** Whether a name could mean a synced table. */
  candidate(relation: RelationName): boolean;
  /** Whether a prepared statement of this name is known to write a synced table. */
  prepared(name: string): boolean;
}

/** What is to be done of a statement, or null where the database deals with it. */
export function workOf(statement: Statement, context: WorkContext): Work | null {
  switch (statement.kind) {
    case 'mutation':
      return context.candidate(statement.target) ? statement : null;
    case 'unsplittable': {
      const targets = statement.targets.filter((target) => context.candidate(target));
      return targets.length === 0 ? null : { kind: 'refused', what: statement.what, targets, hint: plainHint };
    }
    case 'explain':
      if (!context.candidate(statement.mutation.target)) return null;
      if (!statement.analyze) return statement;
      return { kind: 'refused', what: 'EXPLAIN ANALYZE', targets: [statement.mutation.target], hint: analyzeHint };
    case 'copyFrom':
      return context.candidate(statement.target) ? statement : null;
    case 'prepare':
      return context.candidate(statement.mutation.target) ? statement : null;
    case 'execute':
      return context.prepared(statement.name) ? statement : null;
    default:
      return null;
  }
}
