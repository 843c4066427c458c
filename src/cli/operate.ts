/** The commands by which an operator looks at the sync and steers it. They need the database, and no running process. */
import type pg from 'pg';
import { pauseTable, resumeTable, resyncTable, type TableName, type Wished } from '../store/index.js';
import type { Command, CommandContext } from './command.js';
import { readStatus, statusJson, statusLines } from './status.js';

export interface OperateOptions {
  /** Runs `work` with Upwrite's own connections to the configured database, or to the embedded one that runs here. */
  withDatabase<T>(context: CommandContext, work: (pool: pg.Pool) => Promise<T>): Promise<T>;
  /** Tells whichever process takes it that the table wants to be worked on now. */
  wake(pool: pg.Pool, tableOid: number): Promise<void>;
  /** Tells the configured health hook that the table's state has changed. */
  tell(context: CommandContext, pool: pg.Pool, table: TableName, change: Wished): Promise<void>;
}

/** The commands by name, in the order in which --help shows them. */
export function operateCommands(options: OperateOptions): readonly (readonly [string, Command])[] {
  return [
    ['status', statusCommand(options)],
    [
      'pause',
      tableCommand(options, 'stops the sync of a table until it is resumed', async (pool, name, context) => {
        const done = await pauseTable(pool, name, 'paused by an operator');
        if (done === null) return null;
        if (done.from !== done.to) await options.tell(context, pool, name, done);
        return 'is paused';
      }),
    ],
    [
      'resume',
      tableCommand(options, 'ends a pause', async (pool, name, context) => {
        const done = await resumeTable(pool, name);
        if (done === null) return null;
        await options.wake(pool, done.tableOid);
        if (done.from !== done.to) await options.tell(context, pool, name, done);
        return done.to === 'paused' ? `stays paused: ${done.reason}` : 'is resumed';
      }),
    ],
    [
      'resync',
      tableCommand(options, 'lists a table anew, in full; its rows stay meanwhile', async (pool, name) => {
        const oid = await resyncTable(pool, name);
        if (oid !== null) await options.wake(pool, oid);
        return oid === null ? null : 'is being listed anew';
      }),
    ],
  ];
}

function statusCommand(options: OperateOptions): Command {
  return {
    summary: 'shows every synced table and how its sync is doing',
    takesConfig: true,
    options: { json: { summary: 'as JSON' } },
    run: (context) =>
      options.withDatabase(context, async (pool) => {
        const status = await readStatus(pool);
        if (context.options['json'] === true) context.io.out(statusJson(status));
        else for (const line of statusLines(status)) context.io.out(line);
        return 0;
      }),
  };
}

/** `act` answers what became of the table, or null where there is no such table. */
function tableCommand(
  options: OperateOptions,
  summary: string,
  act: (pool: pg.Pool, name: TableName, context: CommandContext) => Promise<string | null>,
): Command {
  return {
    summary,
    takesConfig: true,
    arguments: { usage: '<schema.table>', least: 1, most: 1 },
    run: async (context) => {
      const text = context.args[0] ?? '';
      const name = tableName(text);
      return options.withDatabase(context, async (pool) => {
        const done = name === null ? null : await act(pool, name, context);
        if (done === null) {
          context.io.err(`upwrite: there is no synced table "${text}"; "upwrite status" lists them`);
          return 1;
        }
        context.io.out(`${text} ${done}`);
        return 0;
      });
    },
  };
}

function tableName(text: string): TableName | null {
  const dot = text.indexOf('.');
  return dot <= 0 ? null : { schema: text.slice(0, dot), table: text.slice(dot + 1) };
}
