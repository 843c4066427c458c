/**
 * A process's lease: one row that says that it is alive, renewed in the background. Work in the database names its
 * owner; what a dead owner left is anybody's. One renewal a process costs the database nothing that a mutation would
 * feel. Leases are measured by the database's clock alone. A process that was killed is found out before its lease has run
 * out by those that see its pid: the next one that starts there, as a rule.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type pg from 'pg';
import { isGone, placeOfThisProcess } from './place.js';

export interface LeaseOptions {
  /** What the process does, for the operator: `serve`, `sync`, … */
  readonly kind: string;
  /** Milliseconds after the last renewal at which the process counts as dead. Default 30,000. */
  readonly leaseMs?: number;
  /** Milliseconds between renewals. Default a fifth of the lease. */
  readonly renewMs?: number;
  /** Where the process runs, if not where `placeOfThisProcess` says. */
  readonly place?: string;
  /** A renewal failed; the next one is tried as usual. */
  readonly onError: (error: unknown) => void;
}

export interface Lease {
  /** The owner's id in `upwrite.processes`. */
  readonly id: string;
  /** Whether the lease certainly runs still: nobody takes this process for dead. */
  isHeld(): boolean;
  /** Stops renewing and gives the lease up at once, so that others need not wait for it to run out. */
  release(): Promise<void>;
}

/** Registers this process as alive, and keeps it so until released. */
export async function takeLease(pool: pg.Pool, options: LeaseOptions): Promise<Lease> {
  const id = randomUUID();
  const place = options.place ?? placeOfThisProcess();
  const leaseMs = options.leaseMs ?? 30_000;
  // Counted from before the renewal was sent, by a clock that nobody sets.
  let heldUntil = 0;
  const keep = async (): Promise<void> => {
    const asked = performance.now();
    await renew(pool, { id, kind: options.kind, place }, leaseMs);
    heldUntil = asked + leaseMs;
    if (place !== null) await endLeasesOfTheGone(pool, place);
  };
  await keep();
  let running: Promise<void> = Promise.resolve();
  let busy = false;
  const timer = setInterval(
    () => {
      if (busy) return;
      busy = true;
      running = keep()
        .catch(options.onError)
        .finally(() => {
          busy = false;
        });
    },
    options.renewMs ?? Math.ceil(leaseMs / 5),
  );
  timer.unref();
  return {
    id,
    isHeld: () => performance.now() < heldUntil,
    async release(): Promise<void> {
      clearInterval(timer);
      await running;
      await pool.query('DELETE FROM upwrite.processes WHERE id = $1', [id]);
    },
  };
}

interface Process {
  readonly id: string;
  readonly kind: string;
  readonly place: string | null;
}

/** Also sweeps out processes that have been dead for a day. */
async function renew(pool: pg.Pool, { id, kind, place }: Process, leaseMs: number): Promise<void> {
  await pool.query(
    `WITH dead AS (
       DELETE FROM upwrite.processes WHERE lease_until < clock_timestamp() - interval '1 day')
     INSERT INTO upwrite.processes AS p (id, kind, host, pid, place, lease_until)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond')
     ON CONFLICT (id) DO UPDATE SET lease_until = EXCLUDED.lease_until`,
    [id, kind, hostname(), process.pid, place, leaseMs],
  );
}

async function endLeasesOfTheGone(pool: pg.Pool, place: string): Promise<void> {
  const found = await pool.query<{ id: string; pid: number }>(
    'SELECT id, pid FROM upwrite.processes WHERE place = $1 AND lease_until > clock_timestamp()',
    [place],
  );
  const gone = found.rows.filter(({ pid }) => isGone(pid)).map(({ id }) => id);
  if (gone.length === 0) return;
  await pool.query('UPDATE upwrite.processes SET lease_until = clock_timestamp() WHERE id = ANY ($1::uuid[])', [gone]);
}
