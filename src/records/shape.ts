/**
 * The generic records table: twelve columns, and what is checked of a table before Upwrite writes to it. The operator
 * creates it, in a schema of theirs; Upwrite needs no more than to read and change its rows.
 */
import type pg from 'pg';
import { ident } from '../catalog/index.js';

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

interface ColumnShape {
  readonly name: string;
  /** As PostgreSQL's format_type writes it. */
  readonly type: string;
  readonly nullable: boolean;
}

const column = (name: string, type: string, nullable = false): ColumnShape => ({ name, type, nullable });

/** The columns, in the order in which they are shown and created. */
export const columns: readonly ColumnShape[] = [
  column('sequin_id', 'uuid'),
  column('sync_id', 'uuid'),
  column('sync_external_id', 'text', true),
  column('sync_metadata', 'jsonb'),
  column('collection_id', 'text'),
  column('upstream_id', 'text'),
  column('payload', 'jsonb'),
  column('updated_idx', 'bigint'),
  column('upstream_updated_at', 'timestamp with time zone'),
  column('upstream_created_at', 'timestamp with time zone'),
  column('inserted_at', 'timestamp with time zone'),
  column('updated_at', 'timestamp with time zone'),
];

/** Bytes of the longest name that PostgreSQL keeps. */
const longestName = 63;

/** `<table>_pkey`, as PostgreSQL makes it: of a long name the table's part is cut. */
export function primaryKeyName(table: string): string {
  const suffix = '_pkey';
  let start = table;
  while (Buffer.byteLength(start) + suffix.length > longestName) start = [...start].slice(0, -1).join('');
  return start + suffix;
}

/** The statement that creates the table. */
export function createTableSql({ schema, name }: TableName): string {
  const width = Math.max(...columns.map((each) => each.name.length));
  const lines = columns.map((each) => `  ${each.name.padEnd(width)} ${each.type}${each.nullable ? '' : ' NOT NULL'}`);
  return `CREATE TABLE ${ident(schema)}.${ident(name)} (
${lines.join(',\n')},
  CONSTRAINT ${ident(primaryKeyName(name))} PRIMARY KEY (sequin_id)
);`;
}

const whyNoConstraint =
  'APIs let old records break rules that they have for new ones, and records arrive in no order among each other: a constraint would stop the table';

/** What keeps Upwrite from writing to a table; `fix` is what the operator can do. */
export interface Difference {
  readonly what: string;
  readonly fix: string;
}

interface FoundColumn {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly generated: boolean;
}

interface FoundConstraint {
  readonly name: string;
  readonly type: string;
  readonly definition: string;
  readonly columns: readonly string[] | null;
  readonly deferrable: boolean;
  /** A foreign key of another table that refers to this one. */
  readonly foreign: string | null;
}

interface Found {
  readonly kind: string;
  readonly role: string;
  readonly usage: boolean;
  readonly missing: readonly string[];
  readonly secured: boolean;
  readonly columns: readonly FoundColumn[] | null;
  readonly constraints: readonly FoundConstraint[] | null;
  readonly indexes: readonly string[] | null;
}

const foundSql = `
  SELECT c.relkind AS kind, current_user AS role,
    pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usage,
    ARRAY(SELECT p FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS p
          WHERE NOT pg_catalog.has_table_privilege(c.oid, p)) AS missing,
    pg_catalog.row_security_active(c.oid) AS secured,
    (SELECT json_agg(json_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
        'notNull', a.attnotnull, 'generated', a.attgenerated <> '' OR a.attidentity <> '') ORDER BY a.attnum)
     FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT json_agg(json_build_object('name', k.conname, 'type', k.contype,
        'definition', pg_catalog.pg_get_constraintdef(k.oid), 'deferrable', k.condeferrable,
        'foreign', CASE WHEN k.conrelid <> c.oid THEN k.conrelid::regclass::text END,
        'columns', (SELECT json_agg(a.attname) FROM pg_catalog.pg_attribute a
                    WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))) ORDER BY k.conname)
     FROM pg_catalog.pg_constraint k
     WHERE k.contype IN ('p', 'u', 'c', 'f', 'x') AND (k.conrelid = c.oid OR k.confrelid = c.oid)) AS constraints,
    (SELECT json_agg(i.indexrelid::regclass::text) FROM pg_catalog.pg_index i
     WHERE i.indrelid = c.oid AND i.indisunique
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid)) AS indexes
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind NOT IN ('i', 'I', 'S', 'c')`;

/** Everything in which a table differs from what Upwrite writes to; empty where it can be used. */
export async function differences(
  client: Pick<pg.ClientBase, 'query'>,
  table: TableName,
): Promise<readonly Difference[]> {
  const result = await client.query<Found>(foundSql, [table.schema, table.name]);
  const found = result.rows[0];
  const shown = `${table.schema}.${table.name}`;
  if (found === undefined) {
    return [{ what: `table ${shown} does not exist`, fix: `create it with what "upwrite table-sql ${shown}" prints` }];
  }
  if (found.kind !== 'r') return [{ what: `${shown} is no plain table`, fix: 'give the records a table of their own' }];
  return [
    ...ofPrivileges(table, found),
    ...ofColumns(found.columns ?? []),
    ...ofConstraints(table, found.constraints ?? []),
    ...(found.indexes ?? []).map((index) => ({
      what: `index ${index} is unique (${whyNoConstraint})`,
      fix: `DROP INDEX ${index}, or create it without UNIQUE`,
    })),
  ];
}

function ofPrivileges({ schema, name }: TableName, found: Found): readonly Difference[] {
  const role = ident(found.role);
  const on = `${ident(schema)}.${ident(name)}`;
  return [
    ...(found.usage
      ? []
      : [
          {
            what: `role ${found.role} may not use schema ${schema}`,
            fix: `GRANT USAGE ON SCHEMA ${ident(schema)} TO ${role}`,
          },
        ]),
    ...(found.missing.length === 0
      ? []
      : [
          {
            what: `role ${found.role} lacks ${found.missing.join(', ')} on ${schema}.${name}`,
            fix: `GRANT ${found.missing.join(', ')} ON ${on} TO ${role}`,
          },
        ]),
    ...(found.secured
      ? [
          {
            what: `row-level security hides rows of ${schema}.${name} from role ${found.role}`,
            fix: `CREATE POLICY upwrite ON ${on} TO ${role} USING (true), or ALTER ROLE ${role} BYPASSRLS`,
          },
        ]
      : []),
  ];
}

function ofColumns(found: readonly FoundColumn[]): readonly Difference[] {
  const byName = new Map(found.map((each) => [each.name, each]));
  const known = new Set(columns.map((each) => each.name));
  return [
    ...columns.flatMap((wanted): readonly Difference[] => {
      const has = byName.get(wanted.name);
      const definition = `${wanted.name} ${wanted.type}${wanted.nullable ? '' : ' NOT NULL'}`;
      if (has === undefined) return [{ what: `column ${wanted.name} is missing`, fix: `ADD COLUMN ${definition}` }];
      if (has.type !== wanted.type) {
        return [
          {
            what: `column ${wanted.name} is ${has.type}, not ${wanted.type}`,
            fix: `ALTER COLUMN ${wanted.name} TYPE ${wanted.type}`,
          },
        ];
      }
      if (has.generated) {
        return [{ what: `column ${wanted.name} is generated`, fix: `make it a plain column: ${definition}` }];
      }
      if (has.notNull === !wanted.nullable) return [];
      const [is, change] = has.notNull ? ['NOT NULL', 'DROP'] : ['nullable', 'SET'];
      return [{ what: `column ${wanted.name} is ${is}`, fix: `ALTER COLUMN ${wanted.name} ${change} NOT NULL` }];
    }),
    ...found
      .filter((each) => !known.has(each.name))
      .map((each) => ({
        what: `column ${each.name} is none of the twelve`,
        fix: `DROP COLUMN ${ident(each.name)}; use a view`,
      })),
  ];
}

const kinds: Readonly<Record<string, string>> = {
  u: 'a unique constraint',
  c: 'a check',
  f: 'a foreign key',
  x: 'an exclusion constraint',
};

function ofConstraints(table: TableName, found: readonly FoundConstraint[]): readonly Difference[] {
  const name = primaryKeyName(table.name);
  const own = found.filter((each) => each.foreign === null);
  const primary = own.find((each) => each.type === 'p');
  const wanted = `CONSTRAINT ${ident(name)} PRIMARY KEY (sequin_id)`;
  return [
    ...(primary === undefined ? [{ what: 'the primary key is missing', fix: `ADD ${wanted}` }] : []),
    ...(primary !== undefined && (primary.columns?.join() !== 'sequin_id' || primary.deferrable)
      ? [
          {
            what: `the primary key is ${primary.definition}, not PRIMARY KEY (sequin_id)`,
            fix: `ADD ${wanted} in its place`,
          },
        ]
      : []),
    ...(primary !== undefined && primary.name !== name
      ? [
          {
            what: `the primary key is named ${primary.name}, not ${name}`,
            fix: `RENAME CONSTRAINT ${ident(primary.name)} TO ${ident(name)}`,
          },
        ]
      : []),
    ...own
      .filter((each) => each.type !== 'p')
      .map((each) => ({
        what: `${each.name} is ${kinds[each.type] ?? 'a constraint'}: ${each.definition} (${whyNoConstraint})`,
        fix: `DROP CONSTRAINT ${ident(each.name)}`,
      })),
    ...found
      .filter((each) => each.foreign !== null)
      .map((each) => ({
        what: `${each.name} of ${each.foreign} is a foreign key to the table (a record that is deleted in the API is deleted here, and the key would stop that)`,
        fix: `ALTER TABLE ${each.foreign} DROP CONSTRAINT ${ident(each.name)}`,
      })),
  ];
}

/** The differences in one line. */
export function inWords(found: readonly Difference[]): string {
  return found.map(({ what }) => what).join('; ');
}
