/**
 * The schema `upwrite`, as a list of steps that only grows: a step that was released is never edited.
 *
 * What any role may read is in tables of its own (`mutations`, `tables`), so that `SELECT *` works on them; what only
 * Upwrite may read (row values, cursors) is beside them. Row-level security on `mutations` shows a role what it did
 * itself, and what others did to tables that it may read anyway: an API's message can quote a value.
 */

import { connections } from './connections.js';
import { definitions } from './definitions.js';
import { held } from './held.js';
import { jobs } from './jobs.js';
import { journal } from './journal.js';
import type { Migration } from './migration.js';
import { records } from './records.js';
import { sync } from './sync.js';
import { tables } from './tables.js';
import { turns } from './turns.js';
import { unfit } from './unfit.js';
import { upserts } from './upserts.js';
import { webhooks } from './webhooks.js';
import { worked } from './worked.js';

export type { Migration } from './migration.js';

export const migrations: readonly Migration[] = [
  journal,
  tables,
  upserts,
  connections,
  sync,
  webhooks,
  definitions,
  records,
  unfit,
  held,
  worked,
  jobs,
  turns,
];

/**
 * Run at the end of every step: whatever a database's default privileges gave to others is taken back, and every role
 * may read the tables that are meant for it.
 */
export const privileges = (steps: readonly Migration[]): string => `
DO $$
DECLARE
  granted record;
  readable text;
BEGIN
  FOR granted IN
    SELECT DISTINCT c.oid::regclass AS relation, x.grantee FROM pg_class c, aclexplode(c.relacl) x
    WHERE c.relnamespace = 'upwrite'::regnamespace AND c.relkind IN ('r', 'S', 'v') AND x.grantee <> c.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s', granted.relation,
      CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
  END LOOP;
  FOREACH readable IN ARRAY ARRAY[${steps.flatMap(({ readable }) => readable ?? []).map((name) => `'upwrite.${name}'`)}]::text[] LOOP
    IF to_regclass(readable) IS NOT NULL THEN EXECUTE format('GRANT SELECT ON %s TO PUBLIC', readable); END IF;
  END LOOP;
END $$`;
