/** When nothing of the sync is under way or due, so that what is seen next came by a webhook. */
import type pg from 'pg';

/** Whether the hooks have been looked at, and no table has its turn: a new hook has its connection's tables synced. */
export async function isIdle(own: pg.Client): Promise<boolean> {
  const found = await own.query<{ hooks: boolean; idle: boolean }>(
    `select bool_or(task_identifier = 'webhooks') as hooks, bool_and(locked_at is null and run_at > now()) as idle
     from upwrite_jobs.jobs where task_identifier in ('webhooks', 'payloads', 'sync', 'reread')`,
  );
  return found.rows[0]?.hooks === true && found.rows[0].idle;
}
