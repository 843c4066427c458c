/**
 * How processes that take jobs know of each other which are dead. Each holds an advisory lock on the connection that it
 * listens with, and gives its jobs up itself when it loses that one; so whoever finds the lock free may have them, and a
 * process that was killed is found out at once. Where a connection outlives its process (the network is gone, or the whole
 * machine), the lease says it, as it does for everything that is not jobs: a write may be under way without a connection.
 */
import { lockKey, type Queryable } from '../store/index.js';

/** Kept apart from `upwrite`: its tables are another project's. */
export const jobSchema = 'upwrite_jobs';

/** The advisory lock of a process that takes jobs. */
export function lockOf(processId: string): bigint {
  return lockKey(`takes jobs\0${processId}`);
}

/**
 * Says which of the engine's names for a process is this one's ($2), and that it holds its lock ($4, or null); frees the
 * jobs of processes that are dead, and the tables that they were at. Of a process that gives its lock up, that is done
 * once, by one other. Answers the jobs that this process should be at for so long that it must know of them.
 */
const tickSql = `
  WITH mine AS (
    UPDATE upwrite.processes SET job_worker = $2, job_lock = $4
    WHERE id = $1 AND (job_worker, job_lock) IS DISTINCT FROM ($2, $4::bigint)),
  left_behind AS MATERIALIZED (
    SELECT p.id, p.job_worker FROM upwrite.processes p
    WHERE p.id <> $1 AND p.job_lock IS NOT NULL AND NOT EXISTS (
      SELECT FROM pg_locks l
      WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.classid = (p.job_lock >> 32 & 4294967295)::oid AND l.objid = (p.job_lock & 4294967295)::oid)
    FOR UPDATE SKIP LOCKED),
  known AS (
    UPDATE upwrite.processes p SET job_lock = NULL FROM left_behind b WHERE p.id = b.id),
  let_go AS (
    UPDATE upwrite.table_details d SET worker = NULL FROM left_behind b WHERE d.worker = b.id),
  dead AS (
    SELECT array_agg(DISTINCT j.locked_by) AS workers FROM ${jobSchema}.jobs j
    WHERE j.locked_by <> $2 AND (
      j.locked_by IN (SELECT job_worker FROM left_behind)
      OR j.locked_at < clock_timestamp() - $3 * interval '1 millisecond' AND NOT EXISTS (
        SELECT FROM upwrite.processes p WHERE p.job_worker = j.locked_by AND p.lease_until > clock_timestamp()))),
  freed AS MATERIALIZED (
    SELECT ${jobSchema}.force_unlock_workers(workers) FROM dead WHERE workers IS NOT NULL)
  SELECT (SELECT count(*) FROM freed) AS freed, (
    SELECT coalesce(json_agg(j.id::text), '[]') FROM ${jobSchema}.jobs j
    WHERE j.locked_by = $2 AND j.locked_at < clock_timestamp() - $3 * interval '1 millisecond') AS old`;

/** Does that. `worker`: this process's name with the engine. `listens`: whether it listens, and so holds its lock. */
export async function freeTheDead(
  db: Queryable,
  process: { readonly id: string; readonly worker: string; readonly listens: boolean },
  leaseMs: number,
): Promise<readonly string[]> {
  const lock = process.listens ? lockOf(process.id).toString() : null;
  const values = [process.id, process.worker, leaseMs, lock];
  const result = await db.query<{ old: readonly string[] }>(tickSql, values);
  return result.rows[0]?.old ?? [];
}
