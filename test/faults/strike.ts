/** One fault at one boundary of a write. */
import type { Boundary } from '../../src/write/index.js';
import { waitFor } from '../support/wait.js';
import type { Api, Bench } from './bench.js';

export const faults = ['kill upwrite', 'kill postgres', 'kill api', 'cut client', 'cut postgres', 'cut api'] as const;
export type FaultKind = (typeof faults)[number];

/** Where a fault strikes, in a write's order. The three in the middle are at the API, the others in Upwrite. */
export const places = [
  'evaluated',
  'journalled',
  'mid-request',
  'applied in part',
  'applied upstream',
  'confirmed',
  'committing',
  'answer of the commit',
  'committed',
] as const;
export type PlaceName = (typeof places)[number];

const apis: readonly Api[] = ['salesforce', 'partial'];
const writePaths: Readonly<Record<Api, string>> = { salesforce: '*/composite/sobjects', partial: '/items/*' };

/** Whether the place is a boundary of Upwrite's own, and which. */
export function boundaryOf(place: PlaceName): Boundary | null {
  if (place === 'mid-request' || place === 'applied in part' || place === 'applied upstream') return null;
  return place === 'answer of the commit' ? 'committing' : place;
}

/** Where writes wait to be struck. */
export interface Trap {
  /** Waits until so many writes wait there. */
  full(count: number): Promise<void>;
  /** Lets them go on, as far as they still can. */
  release(): Promise<void>;
}

/** Holds writes at a place. */
export async function setTrap(bench: Bench, place: PlaceName): Promise<Trap> {
  const boundary = boundaryOf(place);
  if (place === 'applied in part') return holdHalf(bench);
  if (boundary === null) return holdAtApi(bench, place === 'mid-request' ? 'before' : 'after');
  await bench.arm(0, [boundary]);
  return {
    full: (count) => waitFor(`${count} writes at ${place}`, () => bench.waiting.length >= count),
    release: async () => bench.go(0, 'all'),
  };
}

async function holdAtApi(bench: Bench, phase: 'before' | 'after'): Promise<Trap> {
  const holds = await Promise.all(
    apis.flatMap((api) =>
      ['POST', 'PATCH', 'DELETE'].map(async (method) => {
        const spec = { method, path: writePaths[api], times: 'always', action: { kind: 'hold', phase } };
        const { id } = (await bench.control(api, 'POST', 'faults', spec)) as { id: string };
        return { api, id };
      }),
    ),
  );
  const met = async (): Promise<number> => {
    const lists = await Promise.all(apis.map((api) => bench.control(api, 'GET', 'faults')));
    return (lists as readonly (readonly { hits: number }[])[]).flat().reduce((sum, { hits }) => sum + hits, 0);
  };
  return {
    full: (count) => waitFor(`${count} writes at the APIs`, async () => (await met()) >= count),
    release: async () => {
      // After a kill there is nothing to release.
      await Promise.all(
        holds.map(({ api, id }) => bench.control(api, 'DELETE', `faults/${id}`).catch(() => undefined)),
      );
    },
  };
}

/** The API that takes batches row by row breaks down in the middle of each; the other has applied its own. */
async function holdHalf(bench: Bench): Promise<Trap> {
  await bench.control('partial', 'PUT', 'half');
  const trap = await holdAtApi(bench, 'after');
  return {
    full: trap.full,
    release: async () => {
      await trap.release();
      await bench.control('partial', 'DELETE', 'half').catch(() => undefined);
    },
  };
}

/** Strikes. */
export async function strike(bench: Bench, fault: FaultKind): Promise<void> {
  const upwrite = bench.upwrites[0];
  switch (fault) {
    case 'kill upwrite':
      return bench.killUpwrite(0);
    case 'kill postgres':
      return bench.killDatabase();
    case 'kill api':
      return bench.killApi();
    case 'cut client':
      return upwrite?.clients.cut();
    case 'cut postgres':
      return upwrite?.database.cut();
    case 'cut api':
      for (const relay of Object.values(bench.relays)) relay.cut();
  }
}
