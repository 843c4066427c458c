/** psql and pgbench, the database's own clients, directly and through the proxy. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { within } from '../support/wait.js';
import { addresses } from './addresses.js';
import { environment, type Finished, run, works } from './tools.js';

const found = addresses();
const hasPsql = works('psql', '--version');
const hasPgbench = works('pgbench', '--version');
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'upwrite-psql-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const target = (port: number, more = ''): string =>
  `host=127.0.0.1 port=${port} dbname=battery user=postgres sslmode=disable ${more}`;

const psql = (port: number, input: string, more = ''): Promise<Finished> =>
  run('psql', ['-X', '-v', 'VERBOSITY=verbose', '-d', target(port, more)], { input });

/** The same script both ways; gives what it printed directly. */
async function same(script: string, more?: string): Promise<Finished> {
  const { cluster, proxy } = found();
  const answer = async (port: number): Promise<Finished> => {
    const finished = await psql(port, script, more);
    // Each session's temporary schema has a number of its own.
    return { ...finished, stderr: finished.stderr.replace(/pg_temp_\d+/g, 'pg_temp') };
  };
  const direct = await answer(cluster.port);
  expect(await answer(proxy.port)).toEqual(direct);
  return direct;
}

describe(hasPsql ? 'psql' : 'psql is not installed', () => {
  it.skipIf(!hasPsql)('describes tables, functions, roles and databases', async () => {
    const setUp = 'drop table if exists described; create table described (id int primary key, b text default $$x$$);';
    const { stdout } = await same(
      `set client_min_messages = error; ${setUp}\n\\d described\n\\d\n\\df lo_*\n\\du\n\\l\n\\d+ pg_class\n`,
    );
    expect(stdout).toContain('"described_pkey" PRIMARY KEY, btree (id)');
  });

  it.skipIf(!hasPsql)('copies in and out with \\copy', async () => {
    const input = join(folder, 'in.tsv');
    const output = join(folder, 'out.tsv');
    const rows = Array.from({ length: 20_000 }, (_, at) => `${at}\trow ${at} ä\n`).join('');
    writeFileSync(input, rows);
    const script = `create temp table t (a int, b text);\n\\copy t from '${input}'\n\\copy (table t) to '${output}'\n`;
    const { stdout } = await same(script);
    expect(stdout).toContain('COPY 20000');
    expect(readFileSync(output, 'utf8')).toBe(rows);
  });

  it.skipIf(!hasPsql)('copies from the script itself, and goes on after an error in it', async () => {
    const { stderr } = await same(
      'create temp table t (a int);\ncopy t from stdin;\n1\ntwo\n\\.\nselect 1 as after;\n',
    );
    expect(stderr).toContain('22P02');
  });

  it.skipIf(!hasPsql)('reports errors with all their fields', async () => {
    const { stderr } = await same(
      'select 1/0;\nselect nope;\ncreate temp table t (a int check (a > 0));\ninsert into t values (-1);\n',
    );
    expect(stderr).toContain('CONSTRAINT NAME:  t_a_check');
  });

  it.skipIf(!hasPsql)('uses \\bind, \\gdesc, \\gexec, FETCH_COUNT and transactions', async () => {
    await same(
      "select $1::int + $2 \\bind 40 2 \\g\nselect 1 as a, 'x' as b \\gdesc\nselect 'select ' || n from generate_series(1, 3) n \\gexec\n\\set FETCH_COUNT 7\nselect generate_series(1, 50);\nbegin;\nselect 1/0;\nrollback;\n",
    );
  });

  it.skipIf(!hasPsql)('logs in over TLS up to verify-full', async () => {
    const { cluster } = found();
    const full = `host=localhost hostaddr=127.0.0.1 user=battery_scram password=pw-scram`;
    const { stdout } = await same(
      'select current_user;\n',
      `${full} sslmode=verify-full sslrootcert=${cluster.tls.cert}`,
    );
    expect(stdout).toContain('battery_scram');
  });

  it.skipIf(!hasPsql)('is refused as the database refuses', async () => {
    const { cluster, proxy } = found();
    for (const more of ['user=battery_scram password=wrong', 'user=nobody_here', 'dbname=nothing_here']) {
      const answer = async (port: number): Promise<Finished> => {
        const refused = await psql(port, 'select 1', more);
        return { ...refused, stderr: refused.stderr.replaceAll(String(port), 'PORT') };
      };
      const direct = await answer(cluster.port);
      expect(direct.code).toBe(2);
      expect(await answer(proxy.port)).toEqual(direct);
    }
  });

  it.skipIf(!hasPsql)('cancels a statement under \\watch by SIGINT', async () => {
    const { proxy } = found();
    const child = spawn('psql', ['-X', '-At', '-d', target(proxy.port)], { env: environment() });
    let stdout = '';
    let stderr = '';
    const seen = (text: string): Promise<void> =>
      within(
        30_000,
        () => `psql to print ${text}: ${stdout} ${stderr}`,
        new Promise((resolve) => {
          const look = (): void => {
            if ((stdout + stderr).includes(text)) resolve();
          };
          child.stdout.on('data', look);
          child.stderr.on('data', look);
          look();
        }),
      );
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.stdin.write(
      "create temp sequence s;\n\\echo ready\nselect 'tick ' || nextval('s'), pg_sleep(case when currval('s') = 3 then 60 else 0 end) \\watch 0.05\n",
    );
    await seen('tick 2');
    await asleep();
    child.kill('SIGINT');
    await seen('canceling statement due to user request');
    child.stdin.end();
    // 3: a script that was stopped by the user, so that psql itself ended it, over a session that still answered.
    expect(await ended).toBe(3);
  });
});

/** Waits until a session of the database is in pg_sleep. */
async function asleep(): Promise<void> {
  const control = await found().cluster.connect();
  try {
    const wanted =
      "select pg_sleep(0.01) from pg_stat_activity where wait_event = 'PgSleep' and pid <> pg_backend_pid()";
    const end = Date.now() + 30_000;
    while ((await control.query(wanted)).rowCount !== 1) if (Date.now() > end) throw new Error('nobody sleeps');
  } finally {
    await control.end();
  }
}

describe(hasPgbench ? 'pgbench' : 'pgbench is not installed', () => {
  const at = (port: number): string[] => ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];

  it.skipIf(!hasPgbench)('makes its tables through the proxy', async () => {
    const { proxy } = found();
    const { code, stderr } = await run('pgbench', ['-i', '-q', '-s', '1', ...at(proxy.port), 'battery']);
    expect(stderr).toContain('done in');
    expect(code).toBe(0);
  });

  it.skipIf(!hasPgbench).each(['simple', 'extended', 'prepared'])('runs its transactions in %s mode', async (mode) => {
    const { proxy } = found();
    for (const script of ['tpcb-like', 'simple-update', 'select-only']) {
      const args = ['-b', script, '-M', mode, '-c', '8', '-t', '50', '-n', ...at(proxy.port), 'battery'];
      const { code, stdout, stderr } = await run('pgbench', args);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(stdout).toContain('number of transactions actually processed: 400/400');
    }
  });

  it.skipIf(!hasPgbench)('runs a pipeline in a script', async () => {
    const { proxy } = found();
    const file = join(folder, 'pipeline.sql');
    writeFileSync(file, '\\startpipeline\nselect 1;\nselect 2;\nselect 3;\n\\endpipeline\n');
    const args = ['-f', file, '-M', 'prepared', '-c', '4', '-t', '100', '-n', ...at(proxy.port), 'battery'];
    expect((await run('pgbench', args)).stdout).toContain('processed: 400/400');
  });

  it.skipIf(!hasPgbench)('connects anew for each transaction', async () => {
    const { proxy } = found();
    const args = ['-S', '-C', '-c', '4', '-t', '25', '-n', ...at(proxy.port), 'battery'];
    expect((await run('pgbench', args)).stdout).toContain('processed: 100/100');
  });
});
