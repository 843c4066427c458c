/** What the sync, the jobs and the webhooks of this process count. */
import type { JobReport, Progress, RunResult } from '../sync/index.js';
import { type Metrics, secondsBuckets } from '../telemetry/index.js';
import type { Outcome } from '../webhooks/index.js';

interface OfProvider {
  readonly provider: string;
}

export interface SyncMetrics {
  readonly progress: (progress: Progress) => void;
  readonly run: (run: { readonly table: OfProvider; readonly result: RunResult; readonly ms: number }) => void;
  readonly reread: (table: OfProvider, waitedMs: readonly number[]) => void;
  readonly job: (report: JobReport) => void;
  readonly delivery: (connection: string | null, outcome: Outcome) => void;
}

export function syncMetrics(metrics: Metrics): SyncMetrics {
  const counter = (name: string, help: string, ...labels: string[]) => metrics.counter({ name, help, labels });
  const seconds = (name: string, help: string, ...labels: string[]) =>
    metrics.histogram({ name, help, labels, buckets: secondsBuckets });
  const runs = counter('upwrite_sync_runs_total', 'Runs of tables by how they ended.', 'provider', 'result');
  const runSeconds = seconds('upwrite_sync_run_seconds', 'How long a run took.', 'provider');
  const rows = counter('upwrite_sync_listed_rows_total', 'Records of full listings that were stored.', 'provider');
  const waits = seconds(
    'upwrite_reread_delay_seconds',
    'From a record being queued to be read again, by a webhook as a rule, to its row being as the API has it.',
    'provider',
  );
  const jobs = counter('upwrite_jobs_total', 'Jobs that this process did, by how they ended.', 'task', 'result');
  const lateness = seconds(
    'upwrite_job_lateness_seconds',
    'From the time for which a job was due to its start.',
    'task',
  );
  const deliveries = counter(
    'upwrite_webhook_deliveries_total',
    'Deliveries of webhooks that this process has answered, by what became of them.',
    'connection',
    'outcome',
  );
  const underWay = metrics.gauge({ name: 'upwrite_jobs_running', help: 'Jobs under way in this process.' });
  underWay.set(0);
  const listed = new Map<number, number>();
  return {
    progress: (progress) => {
      const { table, rows: count } = progress;
      const before = listed.get(table.oid) ?? count;
      if (count > before) rows.inc({ provider: table.provider }, count - before);
      listed.set(table.oid, count);
    },
    run: ({ table, result, ms }) => {
      runs.inc({ provider: table.provider, result });
      runSeconds.observe(ms / 1000, { provider: table.provider });
    },
    reread: ({ provider }, waitedMs) => {
      for (const ms of waitedMs) waits.observe(Math.max(0, ms) / 1000, { provider });
    },
    job: ({ task, event, latenessMs }) => {
      if (event === 'started') {
        underWay.add(1);
        lateness.observe(latenessMs / 1000, { task });
        return;
      }
      underWay.add(-1);
      jobs.inc({ task, result: event });
    },
    delivery: (connection, outcome) => deliveries.inc({ connection: connection ?? '', outcome }),
  };
}
