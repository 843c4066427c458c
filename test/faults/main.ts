/**
 * `npm run faults -- --runs 500 --seed 1`: random runs against real processes. Prints its seed and its counts; ends with 1
 * where anything was lost, doubled or untrue. `--from 137 --runs 1` repeats one run; `--lanes` runs side by side;
 * `--pace 4` on a machine that has so little time to spare that its time limits have to be four times as long.
 */
import { parseArgs } from 'node:util';
import { Bench } from './bench.js';
import { type RunResult, randomRun } from './random.js';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
    lanes: { type: 'string', default: '2' },
    pace: { type: 'string', default: '1' },
  },
});

function whole(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number`);
}

const runs = whole('runs', values.runs);
const from = whole('from', values.from);
const lanes = Math.max(1, Math.min(whole('lanes', values.lanes), runs));
const pace = Math.max(1, whole('pace', values.pace));
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : whole('seed', values.seed);

interface Totals {
  runs: number;
  writes: number;
  readonly told: Record<string, number>;
  readonly wrong: string[];
}

const totals: Totals = { runs: 0, writes: 0, told: {}, wrong: [] };

function add(run: number, result: RunResult): void {
  totals.runs += 1;
  totals.writes += result.writes;
  for (const [kind, count] of Object.entries(result.told)) totals.told[kind] = (totals.told[kind] ?? 0) + count;
  for (const what of result.wrong) totals.wrong.push(`run ${run}: ${what}`);
  const found = result.wrong.length === 0 ? 'ok' : `${result.wrong.length} WRONG`;
  console.log(`run ${run}  ${result.faults.join(' + ')}  ${result.writes} writes  ${found}`);
  for (const what of result.wrong.slice(0, 20)) console.log(`  ${what}`);
}

let next = from;

async function lane(): Promise<void> {
  const bench = await Bench.start(2, { syncInterval: '1s', pace });
  try {
    while (next < from + runs) {
      const run = next++;
      const result = await randomRun(bench, seed, run);
      add(run, result);
      if (result.wrong.length > 0) for (const line of bench.log.slice(-60)) console.log(`    ${line.trim()}`);
    }
  } finally {
    await bench.stop();
  }
}

console.log(`seed ${seed}, runs ${from} to ${from + runs - 1}, ${lanes} side by side`);
const began = Date.now();
const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
const broken = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
for (const reason of broken) console.error(reason);

const count = (word: string): number => totals.wrong.filter((what) => what.includes(` ${word} `)).length;
const told = Object.entries(totals.told).map(([kind, n]) => `${n} ${kind}`);
console.log(`seed ${seed}: ${totals.runs} runs, ${totals.writes} writes (${told.join(', ')})`);
console.log(
  `lost ${count('LOST')}, doubled ${count('DOUBLED')}, untrue ${count('UNTRUE')}, all wrongs ${totals.wrong.length}`,
);
console.log(`${Math.round((Date.now() - began) / 1000)} s`);
process.exit(broken.length === 0 && totals.wrong.length === 0 && totals.runs === runs ? 0 : 1);
