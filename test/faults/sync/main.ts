/**
 * Random runs of the sync under faults: `npm run faults:sync -- --runs 50 --seed 1`. A seed brings the same runs again;
 * `--pace 4` on a machine that has so little time to spare that a live process would lose its lease otherwise.
 */
import { parseArgs } from 'node:util';
import { SyncBench } from './bench.js';
import { syncRun } from './run.js';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    from: { type: 'string', default: '0' },
    pace: { type: 'string', default: '1' },
  },
});

const [runs, seed, from, pace] = [values.runs, values.seed, values.from, values.pace].map((text) => {
  if (!/^\d{1,9}$/.test(text)) throw new Error('--runs, --seed, --from and --pace must be whole numbers');
  return Number(text);
}) as [number, number, number, number];

const bench = await SyncBench.start(Math.max(1, pace));
const began = Date.now();
let [done, wrongs, faults] = [0, 0, 0];
console.log(`seed ${seed}, runs ${from} to ${from + runs - 1}`);
try {
  for (let run = from; run < from + runs; run += 1) {
    const result = await syncRun(bench, seed, run);
    done += 1;
    faults += result.faults.length;
    if (result.wrong.length > 0) wrongs += 1;
    const verdict = result.wrong.length === 0 ? 'ok' : 'WRONG';
    console.log(`run ${run}  ${result.faults.join(' + ')}  ${result.pages} pages  ${verdict}`);
    for (const what of result.wrong.slice(0, 10)) console.log(`  ${what}`);
    if (result.wrong.length > 0) for (const line of bench.log.slice(-40)) console.log(`    ${line.trim()}`);
  }
} finally {
  await bench.stop();
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`seed ${seed}: ${done} runs, ${faults} faults, ${wrongs} runs with something wrong, ${seconds} s`);
}
process.exit(wrongs === 0 ? 0 : 1);
