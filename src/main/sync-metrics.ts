/** What the sync and the jobs of this process count. */
import type { JobReport, Progress, RunResult } from '../sync/index.js';
import { type Metrics, secondsBuckets } from '../telemetry/index.js';

export interface SyncMetrics {
  readonly progress: (progress: Progress) => void;
  readonly run: (run: {
    readonly table: { readonly provider: string };
    readonly result: RunResult;
    readonly ms: number;
  }) => void;
  readonly job: (report: JobReport) => void;
}

export function syncMetrics(metrics: Metrics): SyncMetrics {
  const runs = metrics.counter({
    name: 'upwrite_sync_runs_total',
    help: 'Runs of tables by how they ended.',
    labels: ['provider', 'result'],
  });
  const runSeconds = metrics.histogram({
    name: 'upwrite_sync_run_seconds',
    help: 'How long a run took.',
    labels: ['provider'],
    buckets: secondsBuckets,
  });
  const rows = metrics.counter({
    name: 'upwrite_sync_listed_rows_total',
    help: 'Records of full listings that were stored.',
    labels: ['provider'],
  });
  const jobs = metrics.counter({
    name: 'upwrite_jobs_total',
    help: 'Jobs that this process did, by how they ended.',
    labels: ['task', 'result'],
  });
  const lateness = metrics.histogram({
    name: 'upwrite_job_lateness_seconds',
    help: 'From the time for which a job was due to its start.',
    labels: ['task'],
    buckets: secondsBuckets,
  });
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
    job: ({ task, event, latenessMs }) => {
      if (event === 'started') {
        underWay.add(1);
        lateness.observe(latenessMs / 1000, { task });
        return;
      }
      underWay.add(-1);
      jobs.inc({ task, result: event });
    },
  };
}
