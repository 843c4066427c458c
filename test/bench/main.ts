/**
 * Upwrite and its peers in front of one PostgreSQL, measured in interleaved rounds: within a round every target is
 * measured one after the other, and rounds are compared by themselves, so that what else the machine does falls on all.
 */
import { writeFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import process from 'node:process';
import { type Cluster, startCluster } from '../support/cluster.js';
import { connects, copyOut, copySize, fillTables, idleMemory, selects, stalledMemory } from './measures.js';
import { type Options, parseOptions, usage } from './options.js';
import { markdown, type Report, type Series } from './report.js';
import { startTargets, type Target, type TargetKind, targetKinds } from './targets.js';

type Measure = (target: Target) => Promise<number>;

function say(text: string): void {
  process.stderr.write(text);
}

/** Measures every target once a round; each round begins with another one. */
async function interleaved(
  options: Options,
  targets: readonly Target[],
  name: string,
  unit: string,
  measure: Measure,
): Promise<Series> {
  const values: Record<string, number[]> = Object.fromEntries(targets.map((target) => [target.name, []]));
  say(`${name} `);
  for (let round = 0; round < options.rounds; round++) {
    const first = round % targets.length;
    for (const target of [...targets.slice(first), ...targets.slice(0, first)]) {
      values[target.name]?.push(await measure(target));
    }
    say('.');
  }
  say('\n');
  return { name, unit, kind: 'rate', values };
}

async function rates(options: Options, cluster: Cluster, kinds: readonly TargetKind[]): Promise<Series[]> {
  const { parts } = options;
  if (!parts.includes('select') && !parts.includes('copy') && !parts.includes('connect')) return [];
  const targets = await startTargets(kinds, cluster, options.tls);
  const series: Series[] = [];
  const add = async (name: string, unit: string, measure: Measure): Promise<void> => {
    series.push(await interleaved(options, targets, name, unit, measure));
  };
  try {
    for (const mode of parts.includes('select') ? options.modes : []) {
      for (const clients of options.clients) {
        const name = `${mode}, ${clients} client${clients === 1 ? '' : 's'}`;
        await add(name, 'tps', (target) => selects(target, mode, clients, options.seconds));
      }
    }
    if (parts.includes('copy')) {
      const bytes = await copySize(direct(cluster));
      await add('COPY out', 'MB/s', (target) => copyOut(target, bytes));
    }
    if (parts.includes('connect')) await add('connections', '/s', (target) => connects(target, options.seconds));
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
  return series;
}

/** Memory of a fresh process each time, since what a process has once taken it rarely gives back. */
async function memory(
  options: Options,
  cluster: Cluster,
  kinds: readonly TargetKind[],
  what: { readonly name: string; readonly unit: string; readonly measure: Measure },
): Promise<Series> {
  const values: Record<string, number[]> = {};
  say(`${what.name} `);
  for (const kind of kinds.filter(({ name }) => name !== 'direct')) {
    const measured: number[] = [];
    for (let round = 0; round < options.rounds; round++) {
      const target = await kind.start(cluster, options.tls);
      try {
        measured.push(await what.measure(target));
      } finally {
        await target.stop();
      }
      await sessionsEnded(cluster);
    }
    values[kind.name] = measured;
    say('.');
  }
  say('\n');
  return { name: what.name, unit: what.unit, kind: 'memory', values };
}

async function sessionsEnded(cluster: Cluster): Promise<void> {
  const control = await cluster.connect();
  try {
    const others =
      "select pg_terminate_backend(pid, 10000) from pg_stat_activity where backend_type = 'client backend'";
    await control.query(`${others} and pid <> pg_backend_pid()`);
  } finally {
    await control.end();
  }
}

const direct = (cluster: Cluster): Target => ({
  name: 'direct',
  port: cluster.port,
  tls: false,
  pid: null,
  stop: async () => undefined,
});

function chosenKinds(options: Options): TargetKind[] {
  const all = targetKinds(options.proxy);
  const wanted = options.targets ?? all.map(({ name }) => name);
  const unknown = wanted.find((name) => !all.some((kind) => kind.name === name));
  if (unknown !== undefined)
    throw new Error(`--targets: "${unknown}" is none of ${all.map(({ name }) => name).join(', ')}`);
  return all.filter((kind) => {
    if (!wanted.includes(kind.name)) return false;
    if (!kind.available()) say(`${kind.name} is not installed and left out\n`);
    return kind.available();
  });
}

async function measureAll(options: Options): Promise<Report> {
  const kinds = chosenKinds(options);
  const cluster = await startCluster({ log_min_messages: 'panic' });
  try {
    await fillTables(direct(cluster), options.scale);
    const control = await cluster.connect();
    const { rows } = await control.query('show server_version');
    await control.query('vacuum analyze');
    await control.end();
    const series = await rates(options, cluster, kinds);
    if (options.parts.includes('idle')) {
      const measure: Measure = (target) => idleMemory(target, options.sessions);
      series.push(await memory(options, cluster, kinds, { name: 'an idle session', unit: 'kB', measure }));
    }
    if (options.parts.includes('stalled')) {
      const what = { name: 'a stalled reader under 500 MB', unit: 'MB more', measure: stalledMemory };
      series.push(await memory(options, cluster, kinds, what));
    }
    return {
      machine: {
        CPU: `${cpus()[0]?.model ?? 'unknown'} × ${cpus().length}`,
        system: `${platform()} ${arch()}`,
        Node: process.version,
        PostgreSQL: String(rows[0].server_version),
      },
      options: { ...options },
      targets: Object.fromEntries(kinds.map(({ name, about }) => [name, about])),
      series,
    };
  } finally {
    await cluster.stop();
  }
}

const options = parseOptions(process.argv.slice(2));
if (options === 'help') {
  process.stdout.write(usage);
} else {
  const report = await measureAll(options);
  process.stdout.write(markdown(report));
  if (options.markdown !== null) writeFileSync(options.markdown, markdown(report));
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
}
