/**
 * Where a synced table may answer otherwise than a plain one, by name and with the reason. What the synced side says is
 * checked exactly all the same: a difference says how to get from its lines to the plain side's, and fails where it is not
 * there.
 */

export interface Difference {
  readonly reason: string;
  /** The synced side's lines as the plain side would have them. Throws where the difference is not there. */
  readonly lines?: (synced: readonly string[], plain: readonly string[]) => readonly string[];
  /** The same for what is in the tables afterwards. */
  readonly contents?: (synced: readonly string[], plain: readonly string[]) => readonly string[];
}

const warning = /^N SWARNING\\00VWARNING\\00C01000\\00M(INSERT|UPDATE|DELETE|COPY) on table .* took effect at once/;

function withoutWarnings(synced: readonly string[]): readonly string[] {
  const rest = synced.filter((line) => !warning.test(line));
  if (rest.length === synced.length) throw new Error('no WARNING that the write took effect at once');
  return rest;
}

/** The write stands although the plain side's is undone. */
function standing(synced: readonly string[], plain: readonly string[]): readonly string[] {
  if (synced.join('\n') === plain.join('\n')) throw new Error('nothing stands that is undone on the plain side');
  return plain;
}

/** An ERROR of this SQLSTATE instead of the plain side's success. */
function refused(sqlstate: string): NonNullable<Difference['lines']> {
  return (synced, plain) => {
    const [error, ready, ...rest] = synced.filter((line) => /^[EZ]/.test(line));
    if (error?.startsWith(`E SERROR\\00VERROR\\00C${sqlstate}\\00`) !== true)
      throw new Error(`no ${sqlstate}: ${error}`);
    if (ready === undefined || !ready.startsWith('Z') || rest.length > 0) throw new Error('more than the error');
    return plain;
  };
}

/** Rows differ, and nothing else does. */
function otherRows(synced: readonly string[], plain: readonly string[]): readonly string[] {
  if (synced.join('\n') === plain.join('\n')) throw new Error('the rows are the same');
  return synced.map((line, at) => (line.startsWith('D ') ? (plain[at] ?? line) : line));
}

function otherSourceLine(synced: readonly string[], plain: readonly string[]): readonly string[] {
  if (synced.join('\n') === plain.join('\n')) throw new Error('the same source line');
  const bare = (line: string | undefined): string => (line ?? '').replace(/\\00F\S+?\\00L\d+\\00R\w+/, '');
  return synced.map((line, at) => (bare(line) === bare(plain[at]) ? (plain[at] ?? line) : line));
}

const all = {
  'warns in a block': {
    reason: 'a write inside a transaction block takes effect at once, and a WARNING says so',
    lines: withoutWarnings,
  },
  'stands after a rollback': {
    reason: 'a write inside a transaction block takes effect at once, and a ROLLBACK does not undo it',
    lines: withoutWarnings,
    contents: standing,
  },
  'stands after a later error': {
    reason: 'a write takes effect at once; an error later in the same text or pipeline does not undo it',
    contents: standing,
  },
  'JSON null is NULL': {
    reason: 'between Upwrite and an API there is one null: a JSON null in a jsonb column is NULL',
    lines: otherRows,
  },
  'JSON null is NULL, also when deleted': {
    reason: 'as above: the deleted row goes through JSON too, before it is returned',
    lines: otherRows,
  },
  'numbers in JSON are doubles': {
    reason: 'numbers within a jsonb value reach the API as JavaScript’s: one that would be rounded is refused',
    lines: refused('22003'),
    contents: standing,
  },
  'numbers in JSON have no trailing zeros': {
    reason: 'as above: the same number, without the zeros at its end',
    lines: otherRows,
    contents: standing,
  },
  'no negative zero': {
    reason: 'JSON as JavaScript writes it has no negative zero',
    lines: otherRows,
  },
  'the clock goes on': {
    reason:
      'the two sides run one after the other, so now() is another moment on either; what is returned is compared without it',
    contents: standing,
  },
  'the snapshot stays': {
    reason: 'the write is committed by another session; a transaction with one snapshot for all does not see it',
    lines: (synced, plain) => otherRows(withoutWarnings(synced), plain),
  },
  'the snapshot is stale': {
    reason:
      'a transaction with one snapshot for all cannot change again what Upwrite has committed: 40001, as for any row changed since',
    lines: (synced, plain) => {
      if (!synced.some((line) => line.startsWith('E SERROR\\00VERROR\\00C40001'))) throw new Error('no 40001');
      return plain;
    },
    contents: standing,
  },
  'settings are reported at once': {
    reason: 'a text that holds a write is run statement by statement, so a changed setting is reported behind its own',
    lines: (synced) => {
      const rest = synced.filter((line) => !line.startsWith('S '));
      if (rest.length === synced.length) throw new Error('no ParameterStatus');
      return rest;
    },
  },
  'the second run of a portal': {
    reason:
      'an error that Upwrite itself gives in place of the database has no file, line and routine of its source, and does not undo the write',
    lines: (synced, plain) => {
      const source = /\\00F\S+?\\00L\d+\\00R\w+/;
      const bare = plain.map((line) => (line.startsWith('E ') ? line.replace(source, '') : line));
      if (bare.join('\n') === plain.join('\n')) throw new Error('no error of the database');
      return synced.map((line, at) => (line === bare[at] ? (plain[at] ?? line) : line));
    },
    contents: standing,
  },
  'another source line': {
    reason:
      'a transaction command that meets no block speaks from one line of the database’s source or another: behind statements of an implicit transaction, or by itself',
    lines: otherSourceLine,
  },
  'stands after a later error, from another source line': {
    reason: 'both of these',
    lines: otherSourceLine,
    contents: standing,
  },
  'an own lock refuses': {
    reason:
      'a row that the client itself has locked cannot be written by Upwrite: 55P03 within the lock time-out, and nothing is sent',
    lines: (synced, plain) => {
      if (!synced.some((line) => line.startsWith('E SERROR\\00VERROR\\00C55P03'))) throw new Error('no 55P03');
      return plain;
    },
  },
  'an anonymous row in FROM': {
    reason:
      'values of FROM items are given back to the database as text, which PostgreSQL cannot read into an anonymous row',
    lines: refused('0A000'),
    contents: standing,
  },
  'needs SELECT': {
    reason: 'the statement is evaluated with the target’s columns in RETURNING, which needs SELECT on the table',
    lines: refused('42501'),
    contents: standing,
  },
} as const satisfies Readonly<Record<string, Difference>>;

export type DifferenceName = keyof typeof all;

export const differences: Readonly<Record<DifferenceName, Difference>> = all;
