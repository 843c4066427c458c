/**
 * The client's RETURNING list, evaluated by Postgres over rows that the API has confirmed and that are not in the table
 * yet. The list's own bytes are kept; only what it selects from is replaced: the target by its row type filled from JSON,
 * and whatever else the list may name (FROM and USING items, OLD and NEW, system columns) by the values that the
 * evaluation saw.
 */
import { serialize } from 'pg-protocol';
import type { SyncedTable } from '../../catalog/index.js';
import { raise } from '../../errors/index.js';
import { asciiIdentifier, type Mutation, returningText } from '../../sql/index.js';
import { type ConfirmedRow, DatabaseRefusal } from '../../upstream/index.js';
import { appendTextParameters, Back, bindMessage, parseMessage, textParameters } from '../../wire/index.js';
import { type Cell, type Dialogue, forget, forgetNamed, namedStatement, ownName } from './dialogue.js';
import { asciiJson, confirmedRowsFrom } from './evaluation-sql.js';
import { calledName, executeText, type PreparedCall, prepareText } from './prepared-call.js';
import { type Field, fieldsFrom, fieldsOf, sameRows } from './row-description.js';

/** Something besides the target that the list may name, as the evaluation shows it. */
interface Capture {
  readonly kind: 'item' | 'system';
  readonly alias: string;
  /** What is selected of it in the evaluation. */
  readonly expression: string;
}

const marker = 'upwrite:';
const jsonbType = 3802;
const textType = 25;
const unknownType = 705;

export interface ReturningOptions {
  readonly dialogue: Dialogue;
  readonly mutation: Mutation;
  readonly table: SyncedTable;
  readonly text: Buffer;
  readonly parameters: Buffer;
  readonly parameterTypes: readonly number[];
  readonly resultFormats: readonly number[];
  readonly utf8: boolean;
  readonly call: PreparedCall | null;
}

export class ReturningList {
  readonly #o: ReturningOptions;
  readonly #captures: readonly Capture[];
  /** The columns of each capture in the evaluation's rows. */
  #captured: readonly { readonly capture: Capture; readonly fields: readonly Field[]; readonly at: number }[] = [];
  #rows: readonly (readonly Cell[])[] = [];
  /** RowDescription of the client's list alone, once evaluated. */
  description: Buffer | null = null;

  constructor(options: ReturningOptions) {
    this.#o = options;
    this.#captures = capturesOf(options.mutation);
  }

  /** What the evaluation has to select behind Upwrite's own columns: each capture behind a marker, and a last marker. */
  evaluationColumns(): string[] {
    if (this.#captures.length === 0) return [];
    const columns = this.#captures.flatMap(({ expression }, i) => [`'' AS "${marker}${i}"`, expression]);
    return [...columns, `'' AS "${marker}${this.#captures.length}"`];
  }

  /** Takes note of what an evaluation described and selected; `ours` columns stand in front. */
  evaluated(description: Buffer, ours: number, rows: readonly (readonly Cell[])[]): void {
    const fields = fieldsOf(description);
    this.#rows = rows;
    if (this.#captures.length === 0) {
      this.description = fieldsFrom(description, ours);
      return;
    }
    const places = this.#captures.map((_, i) => fields.findIndex((field) => field.name === `${marker}${i}`) + 1);
    const end = fields.findIndex((field) => field.name === `${marker}${this.#captures.length}`);
    this.#captured = this.#captures.map((capture, i) => {
      const at = places[i] ?? 0;
      const behind = places[i + 1];
      return { capture, at, fields: fields.slice(at, behind === undefined ? end : behind - 1) };
    });
    this.description = fieldsFrom(description, end + 1);
  }

  /** Parses the list over its new source, and makes sure that it yields the rows that the client was told of. */
  async prepare(): Promise<void> {
    const { dialogue, mutation, text } = this.#o;
    if (mutation.returning === null) return;
    const first = Math.max(mutation.parameters, this.#o.parameterTypes.length) + 1;
    const types = [...this.#o.parameterTypes];
    while (types.length < first - 1) types.push(0);
    if (this.#o.call !== null) return this.#prepareCall(this.#o.call);
    const source = this.#captures.length === 0 ? this.#allRows(first) : this.#oneRow(first);
    dialogue.send(
      ...forget(),
      parseMessage(ownName, returningText(text, mutation, source.from), [...types, ...source.types]),
      serialize.describe({ type: 'S', name: ownName }),
      serialize.flush(),
    );
    const described = await this.#described();
    if (described === null || this.description === null || !sameRows(this.description, described)) this.#unsupported();
  }

  #allRows(parameter: number): { from: string; types: readonly number[] } {
    return { from: confirmedRowsFrom(this.#o.mutation, this.#o.table, parameter), types: [jsonbType] };
  }

  /** The target from two JSON parameters, everything else from one parameter a column. */
  #oneRow(first: number): { from: string; types: readonly number[] } {
    const { mutation, table } = this.#o;
    const types: number[] = [jsonbType, jsonbType];
    const type = `${asciiIdentifier(table.schema)}.${asciiIdentifier(table.name)}`;
    const record = `pg_catalog.jsonb_populate_record(NULL::${type}, $${first} OPERATOR(pg_catalog.||) $${first + 1})`;
    const value = (field: Field): string => {
      types.push(field.type === unknownType ? textType : field.type);
      return `$${first + types.length - 1} AS ${asciiIdentifier(field.name)}`;
    };
    const system = this.#captured.filter(({ capture }) => capture.kind === 'system').flatMap(({ fields }) => fields);
    const target = asciiIdentifier(mutation.targetAlias);
    const items = [
      system.length === 0
        ? `${record} AS ${target}`
        : `(SELECT r.*, ${system.map(value).join(', ')} FROM ${record} AS r) AS ${target}`,
    ];
    for (const { capture, fields } of this.#captured) {
      if (capture.kind === 'item')
        items.push(`(SELECT ${fields.map(value).join(', ')}) AS ${asciiIdentifier(capture.alias)}`);
    }
    const { returning } = mutation;
    if (returning?.usesOldOrNew === true && mutation.verb !== 'delete') {
      items.push(`${record} AS ${asciiIdentifier(returning.newAlias)}`);
    }
    return { from: items.join(', '), types };
  }

  async #described(): Promise<Buffer | null> {
    const { dialogue } = this.#o;
    await dialogue.forgotten();
    await this.#orUnsupported(dialogue.expect(Back.parseComplete));
    await dialogue.expect(Back.parameterDescription);
    const description = await dialogue.next();
    return description[0] === Back.rowDescription ? description : null;
  }

  async #orUnsupported<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof DatabaseRefusal) return this.#unsupported();
      throw error;
    }
  }

  /** For EXECUTE: the list prepared in SQL, with the call's own types. */
  async #prepareCall(call: PreparedCall): Promise<void> {
    if (this.#captures.length > 0) this.#unsupported();
    const { dialogue, mutation, table, text } = this.#o;
    const list = returningText(text, mutation, confirmedRowsFrom(mutation, table, call.types.length + 1));
    dialogue.send(
      ...forgetNamed(calledName),
      ...namedStatement(ownName, prepareText(call, list, ['pg_catalog.jsonb'])),
      serialize.describe({ type: 'S', name: calledName }),
      serialize.flush(),
    );
    await dialogue.forgotten();
    await this.#orUnsupported(dialogue.statementAnswer());
    await dialogue.expect(Back.parameterDescription);
    const described = await dialogue.next();
    if (this.description === null || described[0] !== Back.rowDescription || !sameRows(this.description, described)) {
      this.#unsupported();
    }
  }

  #unsupported(): never {
    const { table } = this.#o;
    return raise('unsupported', {
      params: { what: 'this RETURNING list', table: table.name, provider: table.provider },
      detail: 'It cannot be evaluated over the rows that the API confirms. Nothing was sent.',
      hint: 'Return columns of the table itself, and read the others with a SELECT.',
      schema: table.schema,
      table: table.name,
    });
  }

  /** The DataRow messages of the list, in the statement's order and in the formats that the client asked for. */
  async evaluate(rows: readonly ConfirmedRow[]): Promise<readonly Buffer[]> {
    if (this.#o.mutation.returning === null) return [];
    const { dialogue, parameters, resultFormats, call } = this.#o;
    const all = asciiJson(`[${rows.map((row) => `{"b":${row.base},"o":${row.overlay}}`).join(',')}]`);
    if (call !== null) return this.#call(call, [all]);
    const bindings =
      this.#captures.length === 0
        ? [[all]]
        : rows.map((row, i) => [asciiJson(row.base), asciiJson(row.overlay), ...this.#capturedValues(i)]);
    dialogue.send(
      ...bindings.flatMap((values) => [
        bindMessage(ownName, ownName, appendTextParameters(parameters, values), resultFormats),
        serialize.execute({ portal: ownName }),
        serialize.close({ type: 'P', name: ownName }),
      ]),
      ...forget(),
      serialize.flush(),
    );
    const returned: Buffer[] = [];
    for (const _ of bindings) {
      await dialogue.expect(Back.bindComplete);
      returned.push(...(await dialogue.rawRows()));
      await dialogue.expect(Back.closeComplete);
    }
    await dialogue.forgotten();
    return returned;
  }

  async #call(call: PreparedCall, values: readonly string[]): Promise<readonly Buffer[]> {
    const { dialogue, resultFormats } = this.#o;
    dialogue.send(
      ...forget(),
      parseMessage(ownName, executeText(call, values), []),
      bindMessage(ownName, ownName, textParameters([]), resultFormats),
      serialize.execute({ portal: ownName }),
      ...forget(),
      ...forgetNamed(calledName),
      serialize.flush(),
    );
    await dialogue.forgotten();
    await dialogue.expect(Back.parseComplete);
    await dialogue.expect(Back.bindComplete);
    const rows = await dialogue.rawRows();
    await dialogue.forgotten();
    await dialogue.forgotten();
    return rows;
  }

  /** In the order of `#oneRow`: the system columns, then the items. */
  #capturedValues(row: number): readonly (string | null)[] {
    const cells = this.#rows[row] ?? [];
    const ordered = [
      ...this.#captured.filter(({ capture }) => capture.kind === 'system'),
      ...this.#captured.filter(({ capture }) => capture.kind === 'item'),
    ];
    const values = ordered.flatMap(({ at, fields }) => fields.map((_, i) => cells[at + i]?.toString('utf8') ?? null));
    // The values were read as UTF-8, and would be taken for the client's encoding now.
    if (!this.#o.utf8 && values.some((value) => value !== null && /[^\0-\x7f]/.test(value))) this.#unsupported();
    return values;
  }
}

function capturesOf(mutation: Mutation): readonly Capture[] {
  const { returning } = mutation;
  if (returning === null) return [];
  const captures: Capture[] = [];
  const target = asciiIdentifier(mutation.targetAlias);
  if (returning.systemColumns.length > 0) {
    captures.push({
      kind: 'system',
      alias: mutation.targetAlias,
      expression: returning.systemColumns.map((name) => `${target}.${asciiIdentifier(name)}`).join(', '),
    });
  }
  const item = (alias: string): void => {
    captures.push({ kind: 'item', alias, expression: `${asciiIdentifier(alias)}.*` });
  };
  for (const { alias } of mutation.from) if (alias !== null) item(alias);
  if (returning.usesOldOrNew) {
    item(returning.oldAlias);
    if (mutation.verb === 'delete') item(returning.newAlias);
  }
  return captures;
}
