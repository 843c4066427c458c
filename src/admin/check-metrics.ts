/** What the database says of the generic records tables and of the truth check, for `/metrics`: the same from every process. */
import type { RecordTargetHealth, VerificationHealth } from '../store/index.js';
import type { Metrics } from '../telemetry/index.js';

export function recordMetrics(metrics: Metrics, all: readonly RecordTargetHealth[], now: number): void {
  const each = (name: string, help: string) => metrics.gauge({ name, help, labels: ['target'], mostSeries: 10_000 });
  const healthy = each('upwrite_records_healthy', '0 while the generic records table is unhealthy.');
  const waiting = each('upwrite_records_waiting', 'Changed records that wait to be delivered.');
  const oldest = each('upwrite_records_lag_seconds', 'For how long the one that waits longest has done so.');
  for (const { name: target, state, waiting: count, waitingSince } of all) {
    healthy.set(state === 'unhealthy' ? 0 : 1, { target });
    waiting.set(count, { target });
    oldest.set(waitingSince === null ? 0 : Math.max(0, now - waitingSince) / 1000, { target });
  }
}

export function verificationMetrics(metrics: Metrics, all: readonly VerificationHealth[]): void {
  const each = (name: string, help: string) =>
    metrics.gauge({ name, help, labels: ['schema', 'table'], mostSeries: 100_000 });
  const share = each('upwrite_verified_share', 'Of the rows, compared with the API in the pass that is running.');
  const mismatches = each('upwrite_mismatches', 'Rows that were wrong, ever; each was put right.');
  const last = each('upwrite_last_mismatch_timestamp_seconds', 'When the last one was found.');
  const pass = each('upwrite_last_verification_timestamp_seconds', 'When the whole table had been compared last.');
  for (const { schema, table, ...found } of all) {
    share.set(found.share, { schema, table });
    mismatches.set(found.mismatches, { schema, table });
    if (found.lastMismatchAt !== null) last.set(found.lastMismatchAt / 1000, { schema, table });
    if (found.lastPassAt !== null) pass.set(found.lastPassAt / 1000, { schema, table });
  }
}
