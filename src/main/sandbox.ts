/**
 * `upwrite sandbox`: stand-ins of the APIs that stay up. Standard output is a configuration that reaches them, ready for
 * `upwrite.yaml`; what is for reading is in its comments.
 */
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { type Demo, sandboxNames, startSandbox } from '../../fixtures/index.js';
import { type CommandContext, exitCodes, stopRequested } from '../cli/index.js';

const firstPort = 7101;
/** The control endpoint's own limit for a delay, in milliseconds. */
const longestLatency = 600_000;

interface Options {
  readonly names: readonly string[];
  readonly port: number;
  readonly latency: number;
  readonly directory: string | undefined;
}

/** Runs until SIGINT or SIGTERM; answers the exit code. */
export async function sandbox({ io, args, options: given }: CommandContext): Promise<number> {
  const options = parse(args, given, io.directory);
  if (typeof options === 'string') {
    io.err(`upwrite: ${options}`);
    return exitCodes.usage;
  }
  const stop = stopRequested();
  const running: Demo[] = [];
  try {
    for (const name of options.names) running.push(await start(name, options));
    for (const line of describe(running)) io.out(line);
    io.err('Ctrl-C stops the sandboxes.');
    await stop;
  } finally {
    await Promise.all(running.map(({ sandbox }) => sandbox.close()));
  }
  return exitCodes.ok;
}

/** A text says what is wrong. */
function parse(
  args: readonly string[],
  { port = String(firstPort), latency = '0', data }: Readonly<Record<string, string | true>>,
  directory: string,
): Options | string {
  const unknown = args.find((name) => !sandboxNames.includes(name));
  if (unknown !== undefined) return `there is no sandbox of "${unknown}"; there are: ${sandboxNames.join(', ')}`;
  const first = numberOf(port, 65_535 - sandboxNames.length);
  if (first === undefined) return `--port must be a number to ${65_535 - sandboxNames.length}, 0 for free ports`;
  const millis = numberOf(latency, longestLatency);
  if (millis === undefined) return `--latency must be milliseconds, ${longestLatency} at most`;
  return {
    names: args.length === 0 ? sandboxNames : sandboxNames.filter((name) => args.includes(name)),
    port: first,
    latency: millis,
    directory: typeof data === 'string' ? resolve(directory, data) : undefined,
  };
}

function numberOf(text: string | true, most: number): number | undefined {
  const number = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return number <= most ? number : undefined;
}

/** A sandbox has the same port whichever others are started with it. */
async function start(name: string, { port, latency, directory }: Options): Promise<Demo> {
  const demo = await startSandbox(name, {
    port: port === 0 ? 0 : port + sandboxNames.indexOf(name),
    ...(directory === undefined ? {} : { directory }),
  });
  if (latency > 0) await control(demo, { times: 'always', action: { kind: 'delay', ms: latency } });
  return demo;
}

async function control({ sandbox }: Demo, fault: object): Promise<void> {
  const answer = await fetch(`${sandbox.url}/__sandbox/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fault),
  });
  if (!answer.ok) throw new Error(`the sandbox of ${sandbox.name} refused: ${await answer.text()}`);
}

function describe(demos: readonly Demo[]): readonly string[] {
  const width = Math.max(...demos.map(({ sandbox }) => sandbox.name.length));
  const [first] = demos;
  const example = JSON.stringify({ method: 'POST', action: { kind: 'respond', status: 500 } });
  return [
    '# Stand-ins of the APIs, until this command ends. Their credentials protect nothing.',
    ...demos.map(({ sandbox }) => `#   ${sandbox.name.padEnd(width)}  ${sandbox.url}`),
    '# What they were sent is at /__sandbox/log, and failures are ordered at /__sandbox/faults:',
    `#   curl ${first?.sandbox.url}/__sandbox/faults -H 'content-type: application/json' -d '${example}'`,
    stringify({
      connections: Object.fromEntries(demos.map(({ sandbox, connection }) => [sandbox.name, connection])),
    }).trimEnd(),
  ];
}
