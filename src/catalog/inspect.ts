/** What is in the database already: a synced table's columns, guard and grants. */
import type pg from 'pg';
import { guardName, truncateGuardName } from './guard.js';

export interface ExistingColumn {
  readonly name: string;
  /** As PostgreSQL writes it: `timestamp with time zone`. */
  readonly type: string;
}

export interface ExistingTable {
  readonly oid: number;
  readonly columns: readonly ExistingColumn[];
  /** The guard's signature, where both of its triggers are there and always enabled. */
  readonly guard: string | null;
  /** `role` and `privilege` of each grant; the role `public` is every role. */
  readonly grants: readonly { readonly role: string; readonly privilege: string }[];
}

export interface ExistingSchema {
  /** Roles with USAGE; `public` is every role. */
  readonly usage: readonly string[];
}

interface TableRow {
  readonly oid: number;
  readonly kind: string;
  readonly columns: readonly ExistingColumn[] | null;
  readonly guard: string | null;
  readonly grants: ExistingTable['grants'] | null;
}

/** A trigger counts only with tgenabled 'A' (ALWAYS). */
const tableSql = `
  SELECT c.oid, c.relkind AS kind,
    (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT obj_description(g.oid, 'pg_trigger') FROM pg_trigger g
     WHERE g.tgrelid = c.oid AND g.tgname = $3 AND g.tgenabled = 'A' AND EXISTS (
       SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = $4 AND t.tgenabled = 'A')) AS guard,
    (SELECT json_agg(json_build_object('role', coalesce(r.rolname, 'public'), 'privilege', x.privilege_type))
     FROM aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee) AS grants
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind NOT IN ('i', 'I', 'S', 'c')`;

/** The table of that name, or null. Throws an Error where the name belongs to something that is no plain table. */
export async function inspectTable(client: pg.ClientBase, schema: string, name: string): Promise<ExistingTable | null> {
  const result = await client.query<TableRow>(tableSql, [schema, name, guardName, truncateGuardName]);
  const row = result.rows[0];
  if (row === undefined) return null;
  if (row.kind !== 'r') {
    throw new Error(`"${schema}"."${name}" exists and is no plain table: give the synced table another name`);
  }
  return { oid: row.oid, columns: row.columns ?? [], guard: row.guard, grants: row.grants ?? [] };
}

/** The schema of that name, or null. */
export async function inspectSchema(client: pg.ClientBase, schema: string): Promise<ExistingSchema | null> {
  const result = await client.query<{ usage: readonly string[] | null }>(
    `SELECT (SELECT json_agg(coalesce(r.rolname, 'public'))
             FROM aclexplode(n.nspacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
             WHERE x.privilege_type = 'USAGE') AS usage
     FROM pg_namespace n WHERE n.nspname = $1`,
    [schema],
  );
  const row = result.rows[0];
  return row === undefined ? null : { usage: row.usage ?? [] };
}
