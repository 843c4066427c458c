/** What is in the database already: a synced table's columns, guard and grants. */
import type pg from 'pg';
import { guardName, truncateGuardName } from './guard.js';

export interface ExistingColumn {
  readonly name: string;
  /** As PostgreSQL writes it: `timestamp with time zone`. */
  readonly type: string;
  readonly comment: string | null;
  /** What depends on the column and keeps its type from changing, in words: `view public.vips`. */
  readonly dependents: readonly string[];
}

export interface ExistingTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly ExistingColumn[];
  /** Bytes of its rows. */
  readonly size: number;
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
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly size: string;
  readonly columns: readonly ExistingColumn[] | null;
  readonly guard: string | null;
  readonly grants: ExistingTable['grants'] | null;
}

/**
 * Views (through their rewrite rules), policies, functions, triggers and generated columns depend on single columns; the
 * last by their expression, and before PostgreSQL 15 as columns. Upwrite's own guard depends on none.
 */
const dependentsSql = `
  SELECT json_agg(DISTINCT coalesce(
    (SELECT CASE v.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'rule on ' END || v.oid::regclass
     FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid),
    (SELECT pg_describe_object('pg_attrdef'::regclass, f.oid, 0) FROM pg_attrdef f
     WHERE d.classid = 'pg_class'::regclass AND f.adrelid = d.objid AND f.adnum = d.objsubid),
    pg_describe_object(d.classid, d.objid, 0)))
  FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
    AND d.deptype IN ('n', 'a') AND (
      d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass, 'pg_trigger'::regclass)
      OR d.classid = 'pg_attrdef'::regclass AND EXISTS (
        SELECT FROM pg_attrdef f WHERE f.oid = d.objid AND f.adnum <> a.attnum)
      OR d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid NOT IN (0, a.attnum))`;

/** A trigger counts only with tgenabled 'A' (ALWAYS). */
const tableSql = `
  SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, pg_relation_size(c.oid) AS size,
    (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
       'comment', col_description(c.oid, a.attnum), 'dependents', coalesce((${dependentsSql}), '[]')) ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT obj_description(g.oid, 'pg_trigger') FROM pg_trigger g
     WHERE g.tgrelid = c.oid AND g.tgname = $1 AND g.tgenabled = 'A' AND EXISTS (
       SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = $2 AND t.tgenabled = 'A')) AS guard,
    (SELECT json_agg(json_build_object('role', coalesce(r.rolname, 'public'), 'privilege', x.privilege_type))
     FROM aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee) AS grants
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind NOT IN ('i', 'I', 'S', 'c') AND `;

/** The table of that name, or null. Throws an Error where the name belongs to something that is no plain table. */
export async function inspectTable(client: pg.ClientBase, schema: string, name: string): Promise<ExistingTable | null> {
  const parameters = [guardName, truncateGuardName, schema, name];
  const result = await client.query<TableRow>(`${tableSql} n.nspname = $3 AND c.relname = $4`, parameters);
  return existing(result.rows[0]);
}

/** The table of that oid, or null. */
export async function inspectOid(client: pg.ClientBase, oid: number): Promise<ExistingTable | null> {
  const result = await client.query<TableRow>(`${tableSql} c.oid = $3`, [guardName, truncateGuardName, oid]);
  return existing(result.rows[0]);
}

function existing(row: TableRow | undefined): ExistingTable | null {
  if (row === undefined) return null;
  const { oid, schema, name, kind, size, columns, guard, grants } = row;
  if (kind !== 'r') {
    throw new Error(`"${schema}"."${name}" exists and is no plain table: give the synced table another name`);
  }
  return { oid, schema, name, size: Number(size), columns: columns ?? [], guard, grants: grants ?? [] };
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
