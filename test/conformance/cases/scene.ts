/** What the cases of the conformance suite share. */
import { expect } from 'vitest';
import type { Batch, Outcome, Resource, Session, Values, Verb } from '../../../src/provider/index.js';
import type { Stand } from '../stand.js';

export interface Scene {
  readonly stand: Stand;
  readonly session: Session;
  readonly resource: Resource;
  readonly signal: AbortSignal;
}

export interface Case {
  readonly name: string;
  readonly run: (scene: Scene) => Promise<void>;
}

let serial = 0;

/** A mark that no other case uses. */
export function mark(prefix: string): string {
  serial += 1;
  return `${prefix} ${serial}`;
}

export interface Row {
  readonly key?: string;
  readonly values?: Values;
}

/** Milliseconds for an answer; less than the time that the suite's APIs ask to wait where they are to be in vain. */
export const patience = 20_000;

export interface Sent {
  readonly outcomes: readonly Outcome[];
  readonly batch: Batch;
  readonly sentAt: number;
}

interface SendOptions {
  readonly signal?: AbortSignal;
  /** Upsert: the columns by which records are found. */
  readonly conflict?: readonly string[];
}

export async function send(scene: Scene, verb: Verb, rows: readonly Row[], options: SendOptions = {}): Promise<Sent> {
  const batch: Batch = {
    verb,
    resource: scene.resource,
    rows: rows.map(({ key = null, values = {} }) => {
      serial += 1;
      return { key, values, idempotencyKey: `conformance-${process.pid}-${serial}` };
    }),
    ...(options.conflict === undefined ? {} : { conflict: options.conflict }),
    deadline: Date.now() + patience,
  };
  const sentAt = Date.now();
  const { outcomes } = await scene.session.write(batch, options.signal ?? scene.signal);
  expect(outcomes).toHaveLength(rows.length);
  return { outcomes, batch, sentAt };
}

export function codes(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => (outcome.kind === 'applied' ? 'applied' : outcome.fault.code));
}

export function keysOf(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => {
    if (outcome.kind !== 'applied') throw new Error(`${outcome.fault.message}: ${outcome.fault.detail}`);
    return outcome.record.key;
  });
}

export function marks(count: number): readonly string[] {
  return Array.from({ length: count }, () => mark('row'));
}

export async function insert(scene: Scene, given: readonly string[]): Promise<readonly string[]> {
  const { outcomes } = await send(
    scene,
    'insert',
    given.map((text) => ({ values: scene.stand.fresh(text) })),
  );
  return keysOf(outcomes);
}

/** Rows that one request takes at most: what a configuration may raise the limit to. */
export const max = (scene: Scene, verb: Verb): number => scene.resource.writes[verb]?.ceiling ?? 1;
