/** What the health hook is told: changes of a table's state, and of a generic records table's. Each is a job. */
import type pg from 'pg';
import { type HookMessage, postHook } from '../admin/index.js';
import type { TargetChange } from '../records/index.js';
import { addJob, type Jobs, type StateChange } from '../sync/index.js';

/** The task that posts a change. */
const task = 'health-hook';
/** With the pauses of the job engine between them, over about half an hour. */
const attempts = 7;

export interface HealthHook {
  readonly table: (change: Omit<StateChange, 'table'> & { readonly table: HookTable }) => Promise<void>;
  readonly target: (change: TargetChange) => Promise<void>;
}

/** A table as the hook is told of it. */
export interface HookTable {
  readonly schema: string;
  readonly name: string;
  readonly connection: string;
  readonly provider: string;
}

/** Posts what any process tells; before the jobs start. Without a URL nobody is told. */
export function registerHook(jobs: Jobs, url: string | undefined): HealthHook {
  if (url === undefined) return { table: async () => undefined, target: async () => undefined };
  jobs.register(task, (message, { signal }) => postHook(url, message, signal));
  const tell = (message: HookMessage): Promise<void> => jobs.add(task, message, { attempts });
  return {
    table: (change) => tell(tableMessage(change)),
    target: ({ target, from, to, reason }) => tell({ at: now(), records: target, from, to, reason }),
  };
}

/** Tells of a change from a process that takes no jobs, with the transaction or at once. The jobs' schema must be there. */
export async function tellHook(db: pg.Pool | pg.ClientBase, change: Parameters<HealthHook['table']>[0]): Promise<void> {
  await addJob(db, task, tableMessage(change), { attempts });
}

function tableMessage({ table, from, to, reason }: Parameters<HealthHook['table']>[0]): HookMessage {
  const { schema, name, connection, provider } = table;
  return { at: now(), table: `${schema}.${name}`, connection, provider, from, to, reason };
}

function now(): string {
  return new Date().toISOString();
}
