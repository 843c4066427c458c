/**
 * What a client's text is, as far as Upwrite needs to know: a list of statements, each with its place in the text.
 * Every offset is in bytes of the text as the client sent it, so that pieces of it can be spliced without deparsing.
 */

/** Bytes `start` (inclusive) to `end` (exclusive) of the client's text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A relation as written, identifiers folded and unquoted as Postgres does. */
export interface RelationName {
  readonly catalog: string | null;
  readonly schema: string | null;
  readonly name: string;
}

export type MutationVerb = 'insert' | 'update' | 'delete';

/** An item of FROM or USING whose columns RETURNING may name. */
export interface FromItem {
  /** The name by which it is referred to; null where it has none (an unaliased sub-select): its columns can then be
   *  named only without a qualifier. */
  readonly alias: string | null;
  /** The relation, where the item is a plain table or view (not a CTE's name). */
  readonly relation: RelationName | null;
}

export interface Returning {
  /** From the keyword RETURNING to the end of the list. */
  readonly span: Span;
  /** `WITH (OLD AS o, NEW AS n)` of PostgreSQL 18 between the keyword and the list, or null. */
  readonly options: Span | null;
  /** The list alone. */
  readonly list: Span;
  /** What OLD and NEW are called in the list: `old` and `new` unless renamed by the options. */
  readonly oldAlias: string;
  readonly newAlias: string;
  /** Whether the list names OLD or NEW (also as a lone word, which may turn out to be a column of that name). */
  readonly usesOldOrNew: boolean;
  /** Column references that are qualified by the schema of an unaliased target or FROM item
   *  (`salesforce.contacts.id`): the bytes of the qualifier `salesforce.` alone, in order, to be cut out where the
   *  list is evaluated over derived tables. */
  readonly schemaQualifiers: readonly Span[];
  /** System columns of the target that the list names (ctid, xmin, tableoid, …). */
  readonly systemColumns: readonly string[];
}

export interface OnConflict {
  readonly action: 'nothing' | 'update';
  /** The arbiter's columns; empty where none or an expression or a constraint is given. */
  readonly columns: readonly string[];
  readonly constraint: string | null;
  /** The arbiter's list with its brackets, or null. */
  readonly target: Span | null;
  /** DO UPDATE: the assigned columns, each with whether its value is exactly `EXCLUDED.<the same column>`. */
  readonly set: readonly { readonly column: string; readonly excluded: boolean }[];
  /** A WHERE of the arbiter or of DO UPDATE. */
  readonly hasWhere: boolean;
}

export interface InsertParts {
  /** The column list as written; null where there is none (then the values go by position). */
  readonly columns: readonly string[] | null;
  readonly source: 'values' | 'select' | 'default values';
  /** For `values`: for each row, which positions are the keyword DEFAULT. */
  readonly defaults: readonly (readonly boolean[])[];
  readonly onConflict: OnConflict | null;
  /** Where ON CONFLICT stands, from the keyword to its end. */
  readonly onConflictSpan: Span | null;
}

export interface Mutation {
  readonly kind: 'mutation';
  readonly verb: MutationVerb;
  /** The statement from its first keyword (WITH included) to its last byte, without the semicolon. */
  readonly span: Span;
  readonly target: RelationName;
  /** The alias of the target, or its name. */
  readonly targetAlias: string;
  /** The target's alias as written, or null. */
  readonly writtenAlias: string | null;
  /** The whole WITH clause in front (from the keyword to before INSERT/UPDATE/DELETE), or null. */
  readonly withClause: Span | null;
  /** insert: the parts of its own. */
  readonly insert: InsertParts | null;
  /** update: the assigned columns in order; row assignments flattened. Empty for insert and delete. */
  readonly assigned: readonly string[];
  /** update FROM and delete USING: what RETURNING may name besides the target, in order. */
  readonly from: readonly FromItem[];
  /** WHERE CURRENT OF's cursor. */
  readonly currentOf: string | null;
  readonly returning: Returning | null;
  /** The highest `$n`. */
  readonly parameters: number;
}

/** A write that cannot become one API request as it stands. */
export interface Unsplittable {
  readonly kind: 'unsplittable';
  readonly span: Span;
  /** In SQL words, for the message: `MERGE`, `TRUNCATE`, `a data-modifying WITH`, … */
  readonly what: string;
  /** Every relation that it would write. */
  readonly targets: readonly RelationName[];
}

export interface Explain {
  readonly kind: 'explain';
  readonly span: Span;
  readonly analyze: boolean;
  readonly mutation: Mutation;
}

export interface CopyFrom {
  readonly kind: 'copyFrom';
  readonly span: Span;
  readonly target: RelationName;
  readonly columns: readonly string[] | null;
  /** FROM STDIN, as opposed to a file or program of the server. */
  readonly stdin: boolean;
}

export interface Prepare {
  readonly kind: 'prepare';
  readonly span: Span;
  readonly name: string;
  /** The statement inside, with spans into the same text. */
  readonly mutation: Mutation;
}

export interface ExecutePrepared {
  readonly kind: 'execute';
  readonly span: Span;
  readonly name: string;
  /** The argument list with its parentheses, or null. */
  readonly arguments: Span | null;
}

export interface Deallocate {
  readonly kind: 'deallocate';
  readonly span: Span;
  /** null: ALL (also DISCARD ALL). */
  readonly name: string | null;
}

export interface TransactionControl {
  readonly kind: 'transaction';
  readonly span: Span;
  readonly command:
    | 'begin'
    | 'commit'
    | 'rollback'
    | 'savepoint'
    | 'release'
    | 'rollback to'
    | 'prepare transaction'
    | 'commit prepared'
    | 'rollback prepared';
}

/** Anything else: reads, DDL, settings, writes of which the text shows nothing. */
export interface Other {
  readonly kind: 'other';
  readonly span: Span;
}

export type Statement =
  | Mutation
  | Unsplittable
  | Explain
  | CopyFrom
  | Prepare
  | ExecutePrepared
  | Deallocate
  | TransactionControl
  | Other;

/** A text that Postgres's parser takes, or why it is not looked at: then it goes to the database as it is. */
export type Analysis =
  | {
      readonly kind: 'statements';
      readonly statements: readonly Statement[];
      /** Every relation that the text reads. */
      readonly reads: readonly RelationName[];
      /** It is a SET of `upwrite.max_staleness` and nothing else. */
      readonly setsStaleness?: boolean;
    }
  | { readonly kind: 'opaque'; readonly why: 'syntax' | 'size' | 'encoding' | 'time' | 'failure' };
