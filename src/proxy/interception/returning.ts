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

/** What follows FROM, and the types of the parameters that it brings. */
interface Source {
  readonly from: string;
  readonly types: readonly number[];
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
    const { dialogue, mutation, text, call } = this.#o;
    if (mutation.returning === null) return;
    const names = await this.#typeNames();
    if (call !== null) {
      await this.#prepareCall(call, this.#source(call.types.length + 1, names), names);
      return this.#tryOut();
    }
    const first = Math.max(mutation.parameters, this.#o.parameterTypes.length) + 1;
    const types = [...this.#o.parameterTypes];
    while (types.length < first - 1) types.push(0);
    const source = this.#source(first, names);
    dialogue.send(
      ...forget(),
      parseMessage(ownName, returningText(text, mutation, source.from), [...types, ...source.types]),
      serialize.describe({ type: 'S', name: ownName }),
      serialize.flush(),
    );
    const described = await this.#described();
    if (described === null || this.description === null || !sameRows(this.description, described)) this.#unsupported();
    await this.#tryOut();
  }

  /** Not every captured value can be given back to the database (an anonymous row cannot): one row shows it. */
  async #tryOut(): Promise<void> {
    const base = this.#rows[0]?.[1]?.toString('utf8');
    if (this.#captures.length === 0 || base === undefined) return;
    await this.#o.dialogue.noticesOf(() => this.#orUnsupported(this.#run([{ base, overlay: '{}' }])));
  }

  /** The types of what was captured as SQL names them, where they have to be named. */
  async #typeNames(): Promise<ReadonlyMap<number, string>> {
    const { dialogue, utf8, call } = this.#o;
    const oids = [...new Set(this.#captured.flatMap(({ fields }) => fields.map(typeOf)))];
    if (oids.length === 0 || (utf8 && call === null)) return new Map();
    const { rows } = await dialogue.run(
      'SELECT pg_catalog.format_type(t, NULL) FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY AS u(t, n) ORDER BY n',
      [`{${oids.join(',')}}`],
    );
    return new Map(oids.map((oid, i) => [oid, this.#ascii(rows[i]?.[0]?.toString('latin1') ?? '')]));
  }

  #ascii(name: string): string {
    return /^[ -~]+$/.test(name) ? name : this.#unsupported();
  }

  #source(first: number, names: ReadonlyMap<number, string>): Source {
    return this.#captures.length === 0 ? this.#allRows(first) : this.#oneRow(first, names);
  }

  #allRows(parameter: number): Source {
    return { from: confirmedRowsFrom(this.#o.mutation, this.#o.table, parameter), types: [jsonbType] };
  }

  /** The target from two JSON parameters, everything else from one parameter a column. */
  #oneRow(first: number, names: ReadonlyMap<number, string>): Source {
    const { mutation, table, utf8 } = this.#o;
    const types: number[] = [jsonbType, jsonbType];
    const type = `${asciiIdentifier(table.schema)}.${asciiIdentifier(table.name)}`;
    const record = `pg_catalog.jsonb_populate_record(NULL::${type}, $${first} OPERATOR(pg_catalog.||) $${first + 1})`;
    const value = (field: Field): string => {
      const type = typeOf(field);
      types.push(utf8 ? type : textType);
      const parameter = `$${first + types.length - 1}`;
      const text = `pg_catalog.convert_from(pg_catalog.decode(${parameter}, 'hex'), 'UTF8')`;
      return `${utf8 ? parameter : `CAST(${text} AS ${names.get(type) ?? 'text'})`} AS ${asciiIdentifier(nameOf(field, utf8))}`;
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
  async #prepareCall(call: PreparedCall, source: Source, names: ReadonlyMap<number, string>): Promise<void> {
    const { dialogue, mutation, text } = this.#o;
    const list = returningText(text, mutation, source.from);
    const types = source.types.map((type) => (type === jsonbType ? 'pg_catalog.jsonb' : (names.get(type) ?? 'text')));
    dialogue.send(
      ...forgetNamed(calledName),
      ...namedStatement(ownName, prepareText(call, list, types)),
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
    const { dialogue } = this.#o;
    const returned = await this.#run(rows);
    dialogue.send(...forget(), ...forgetNamed(calledName), serialize.flush());
    await dialogue.forgotten();
    await dialogue.forgotten();
    return returned;
  }

  async #run(rows: readonly ConfirmedRow[]): Promise<readonly Buffer[]> {
    const { dialogue, parameters, resultFormats, call } = this.#o;
    const bindings = this.#bindings(rows);
    if (call !== null) return this.#call(call, bindings);
    dialogue.send(
      ...bindings.flatMap((values) => [
        bindMessage(ownName, ownName, appendTextParameters(parameters, values), resultFormats),
        serialize.execute({ portal: ownName }),
        serialize.close({ type: 'P', name: ownName }),
      ]),
      serialize.flush(),
    );
    const returned: Buffer[] = [];
    for (const _ of bindings) {
      await dialogue.expect(Back.bindComplete);
      returned.push(...(await dialogue.rawRows()));
      await dialogue.expect(Back.closeComplete);
    }
    return returned;
  }

  /** The values of each run of the list: all rows at once, or one run a row where something was captured. */
  #bindings(rows: readonly ConfirmedRow[]): readonly (readonly (string | null)[])[] {
    if (this.#captures.length > 0) {
      return rows.map((row, i) => [asciiJson(row.base), asciiJson(row.overlay), ...this.#capturedValues(i)]);
    }
    return [[asciiJson(`[${rows.map((row) => `{"b":${row.base},"o":${row.overlay}}`).join(',')}]`)]];
  }

  async #call(call: PreparedCall, bindings: readonly (readonly (string | null)[])[]): Promise<readonly Buffer[]> {
    const { dialogue, resultFormats } = this.#o;
    dialogue.send(
      ...bindings.flatMap((values) => [
        ...forget(),
        parseMessage(ownName, executeText(call, values), []),
        bindMessage(ownName, ownName, textParameters([]), resultFormats),
        serialize.execute({ portal: ownName }),
      ]),
      serialize.flush(),
    );
    const returned: Buffer[] = [];
    for (const _ of bindings) {
      await dialogue.forgotten();
      await dialogue.expect(Back.parseComplete);
      await dialogue.expect(Back.bindComplete);
      returned.push(...(await dialogue.rawRows()));
    }
    return returned;
  }

  /** In the order of `#oneRow`: the system columns, then the items. */
  #capturedValues(row: number): readonly (string | null)[] {
    const cells = this.#rows[row] ?? [];
    const ordered = [
      ...this.#captured.filter(({ capture }) => capture.kind === 'system'),
      ...this.#captured.filter(({ capture }) => capture.kind === 'item'),
    ];
    // The values were read as UTF-8, and would be taken for the client's encoding now.
    const form = this.#o.utf8 ? 'utf8' : 'hex';
    return ordered.flatMap(({ at, fields }) => fields.map((_, i) => cells[at + i]?.toString(form) ?? null));
  }
}

/** A literal that the evaluation gave no type comes back as text. */
function typeOf(field: Field): number {
  return field.type === unknownType ? textType : field.type;
}

/** Names in RowDescription are in the client's encoding. */
function nameOf(field: Field, utf8: boolean): string {
  return utf8 ? Buffer.from(field.name, 'latin1').toString('utf8') : field.name;
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
