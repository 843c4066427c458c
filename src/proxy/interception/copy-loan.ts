/**
 * COPY … FROM STDIN into a synced table: the database reads the client's data inside a savepoint, the rows that it made
 * are read back, and the savepoint is rolled back. From there on it is an insert like any other.
 */
import { serialize } from 'pg-protocol';
import { isProvisionalKey, type SyncedTable } from '../../catalog/index.js';
import { raise } from '../../errors/index.js';
import { asciiIdentifier } from '../../sql/index.js';
import type { EvaluatedRow, Evaluation, LentSession, MutationFacts } from '../../upstream/index.js';
import { Back, bindMessage, parseMessage, textParameters } from '../../wire/index.js';
import { type Dialogue, forget, ownName } from './dialogue.js';
import { rowColumns } from './evaluation-sql.js';
import { type LoanLimits, openSavepoint, savepointAnswers } from './savepoint.js';

export interface CopyLoanOptions extends LoanLimits {
  readonly dialogue: Dialogue;
  readonly facts: MutationFacts;
  readonly table: SyncedTable;
  /** The COPY statement's text. */
  readonly text: Buffer;
  readonly statementTimeout: number;
  readonly utf8: boolean;
  readonly signal: AbortSignal;
}

const noParameters = textParameters([]);

export class CopyLoan implements LentSession {
  readonly facts: MutationFacts;
  readonly signal: AbortSignal;
  readonly #o: CopyLoanOptions;

  constructor(options: CopyLoanOptions) {
    this.#o = options;
    this.facts = options.facts;
    this.signal = options.signal;
  }

  statementTimeout(): Promise<number> {
    return Promise.resolve(this.#o.statementTimeout);
  }

  /** COPY has no RETURNING list. */
  prepareReturning(): Promise<void> {
    return Promise.resolve();
  }

  evaluateReturning(): Promise<void> {
    return Promise.resolve();
  }

  async evaluate(keep: number): Promise<Evaluation> {
    const { dialogue, text } = this.#o;
    dialogue.send(
      ...openSavepoint(this.#o),
      parseMessage(ownName, text, []),
      bindMessage(ownName, ownName, noParameters, []),
      serialize.execute({ portal: ownName }),
      serialize.flush(),
    );
    await savepointAnswers(dialogue);
    await dialogue.expect(Back.parseComplete);
    await dialogue.expect(Back.bindComplete);
    const total = await dialogue.relayCopyIn();
    const rows = await this.#read(keep, total);
    await dialogue.run('ROLLBACK TO SAVEPOINT upwrite');
    await dialogue.run('RELEASE SAVEPOINT upwrite');
    return { rows, total };
  }

  /** The rows that the COPY made are those with keys that no committed row has. */
  async #read(keep: number, total: number): Promise<readonly EvaluatedRow[]> {
    const { dialogue, table, facts } = this.#o;
    dialogue.send(...forget(), serialize.flush());
    await dialogue.forgotten();
    if (!this.#o.utf8) await dialogue.run("SET LOCAL client_encoding = 'UTF8'");
    const key = asciiIdentifier(table.resource.key);
    const { rows } = await dialogue.run(
      `SELECT ${rowColumns('t', table, facts.columns).join(', ')}
       FROM ONLY ${asciiIdentifier(table.schema)}.${asciiIdentifier(table.name)} AS t
       WHERE t.${key} LIKE 'upwrite:%' ORDER BY t.ctid LIMIT ${keep + 1}`,
    );
    const read = rows.map((row): EvaluatedRow => {
      const [rowKey = null, base = null, ...values] = row.map((cell) => cell?.toString('utf8') ?? null);
      return { key: rowKey ?? '', base: base ?? '{}', values };
    });
    const made = read.filter((row) => isProvisionalKey(row.key));
    if (made.length < Math.min(total, keep + 1)) this.#refuseKeys();
    return made;
  }

  #refuseKeys(): never {
    const { table } = this.#o;
    const column = table.resource.key;
    return raise('read_only_column', {
      params: { column, table: table.name, verb: 'COPY', provider: table.provider },
      schema: table.schema,
      table: table.name,
      column,
    });
  }
}
