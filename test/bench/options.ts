/** The benchmark's command line. */
import { parseArgs } from 'node:util';
import { type Mode, modes } from './measures.js';

export const parts = ['select', 'copy', 'connect', 'idle', 'stalled'] as const;
export type Part = (typeof parts)[number];

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly scale: number;
  readonly sessions: number;
  readonly clients: readonly number[];
  readonly modes: readonly Mode[];
  readonly parts: readonly Part[];
  /** Names of targets, or null for all. */
  readonly targets: readonly string[] | null;
  /** What stands for Upwrite: `upwrite`, or `room` for the proxy room alone. */
  readonly proxy: string;
  /** Whether clients talk TLS to every target; otherwise to none. */
  readonly tls: boolean;
  readonly json: string | null;
  readonly markdown: string | null;
}

export const usage = `npm run bench -- [options]
  --rounds N        interleaved rounds of everything (5)
  --seconds N       seconds of each pgbench run (3)
  --scale N         pgbench's scale, 100 000 rows and 13 MB each (10)
  --sessions N      idle sessions for the memory of one (500)
  --clients A,B     numbers of clients (1,8,32)
  --modes A,B       ${modes.join(',')}
  --only A,B        ${parts.join(',')}
  --targets A,B     direct,upwrite,pgbouncer,haproxy,pipe,upwrite-socket,pgbouncer-socket; without upwrite: only peers
  --proxy KIND      what stands for Upwrite: upwrite (the command line) or room (the proxy room alone)
  --tls             clients talk TLS to every target; without it to none
  --json FILE       write every value
  --markdown FILE   write the table
`;

const numeric = { rounds: 5, seconds: 3, scale: 10, sessions: 500 };

/** @throws with one line when an option is not known or not valid */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean' },
      tls: { type: 'boolean' },
      rounds: text,
      seconds: text,
      scale: text,
      sessions: text,
      clients: text,
      modes: text,
      only: text,
      targets: text,
      proxy: text,
      json: text,
      markdown: text,
    },
  });
  if (values.help === true) return 'help';
  return {
    rounds: positive('rounds', values.rounds, numeric.rounds),
    seconds: positive('seconds', values.seconds, numeric.seconds),
    scale: positive('scale', values.scale, numeric.scale),
    sessions: positive('sessions', values.sessions, numeric.sessions),
    clients: values.clients?.split(',').map((one) => positive('clients', one, 1)) ?? [1, 8, 32],
    modes: chosen('modes', values.modes, modes),
    parts: chosen('only', values.only, parts),
    targets: values.targets?.split(',') ?? null,
    proxy: values.proxy ?? 'upwrite',
    tls: values.tls === true,
    json: values.json ?? null,
    markdown: values.markdown ?? null,
  };
}

function positive(name: string, value: string | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new Error(`--${name}: "${value}" is not a positive number`);
  return Number(value);
}

function chosen<T extends string>(name: string, value: string | undefined, all: readonly T[]): readonly T[] {
  if (value === undefined) return all;
  return value.split(',').map((one) => {
    const found = all.find((known) => known === one);
    if (found === undefined) throw new Error(`--${name}: "${one}" is none of ${all.join(', ')}`);
    return found;
  });
}
