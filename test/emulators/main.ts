/**
 * `npm run emulators`: the Stripe provider against stand-ins that others have written. They are fetched for this run and
 * installed nowhere. Both listen on every interface of this machine while it runs, and are therefore no part of the tests.
 * What they do not know (the account, events, deletions of the older one) is left out; GitHub's provider speaks GraphQL,
 * which no emulator of it does (emulate 0.12, which also needs a newer Node, has none for GitHub either), and of Airtable
 * none was found in the registry.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '../../src/cli/embedded/index.js';
import {
  createKit,
  createRegistry,
  type Outcome,
  type Rec,
  type Resource,
  type Session,
  silentLog,
  type Values,
  type Verb,
} from '../../src/provider/index.js';

interface Emulator {
  readonly name: string;
  /** A package and its version, from the npm registry. */
  readonly from: string;
  command(port: number): readonly string[];
  environment(port: number): Readonly<Record<string, string>>;
  readonly deletes: boolean;
  /** Whether it knows idempotency keys. */
  readonly idempotent: boolean;
}

const emulators: readonly Emulator[] = [
  {
    name: 'emulate',
    from: 'emulate@0.11.2',
    command: (port) => ['emulate', 'start', '--port', String(port), '--service', 'stripe'],
    environment: () => ({}),
    deletes: true,
    idempotent: false,
  },
  {
    name: 'stripe-stateful-mock',
    from: 'stripe-stateful-mock@0.0.16',
    command: () => ['stripe-stateful-mock'],
    environment: (port) => ({ PORT: String(port), LOG_LEVEL: 'silent' }),
    deletes: false,
    idempotent: true,
  },
];

const signal = AbortSignal.timeout(180_000);
let failures = 0;

async function step(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    process.stdout.write(`  ok      ${name}\n`);
  } catch (error) {
    failures += 1;
    process.stdout.write(`  FAILED  ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  const end = Date.now() + 90_000;
  for (;;) {
    const isUp = await fetch(`${url}/v1/customers`, { headers: { authorization: 'Bearer sk_test_emulated1234' } }).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    must(child.exitCode === null, `it ended with ${child.exitCode}`);
    must(Date.now() < end, 'it did not answer in time');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

let serial = 0;

async function write(
  session: Session,
  resource: Resource,
  verb: Verb,
  row: { readonly key: string | null; readonly values: Values; readonly idempotencyKey?: string },
): Promise<Rec> {
  serial += 1;
  const idempotencyKey = row.idempotencyKey ?? `emulators-${process.pid}-${serial}`;
  const rows = [{ ...row, idempotencyKey }];
  const { outcomes } = await session.write({ verb, resource, rows, deadline: Date.now() + 15_000 }, signal);
  return recordOf(outcomes[0]);
}

function recordOf(outcome: Outcome | undefined): Rec {
  if (outcome?.kind === 'applied') return outcome.record;
  throw new Error(outcome === undefined ? 'no outcome' : `${outcome.fault.message}: ${outcome.fault.context}`);
}

async function listed(session: Session, resource: Resource): Promise<ReadonlyMap<string, Rec>> {
  const found = new Map<string, Rec>();
  for await (const page of session.pull(resource, null, signal)) {
    for (const record of page.records) found.set(record.key, record);
    if (page.last) break;
  }
  return found;
}

async function customers(session: Session, { deletes, idempotent }: Emulator): Promise<void> {
  const resource = (await session.describe(signal)).find(({ name }) => name === 'customers');
  if (resource === undefined) throw new Error('there is no table customers');
  let key = '';
  await step('insert: what was assigned comes back, with an id', async () => {
    const made = await write(session, resource, 'insert', { key: null, values: { email: 'chani@sietch.example' } });
    key = made.key;
    must(key.startsWith('cus_') && made.values['email'] === 'chani@sietch.example', JSON.stringify(made.values));
  });
  await step('update, and the record read by its key', async () => {
    await write(session, resource, 'update', {
      key,
      values: { description: 'Ż “quoted” 👩‍👩‍👧‍👦', metadata: { a: '1' } },
    });
    const [read] = await session.read(resource, [key], signal);
    must(read?.values['description'] === 'Ż “quoted” 👩‍👩‍👧‍👦', JSON.stringify(read));
    must(JSON.stringify(read?.values['metadata']) === '{"a":"1"}', JSON.stringify(read?.values['metadata']));
  });
  await step('a record that is not there is null, and its update tells that it is gone', async () => {
    const [read] = await session.read(resource, ['cus_nowhere'], signal);
    must(read === null, JSON.stringify(read));
    const gone = await write(session, resource, 'update', { key: 'cus_nowhere', values: { name: 'x' } }).catch(String);
    must(String(gone).includes('no longer has a record'), String(gone));
  });
  await step('a full listing in pages has every record once', async () => {
    const made: string[] = [];
    for (let count = 0; count < 110; count += 1) {
      made.push(
        (await write(session, resource, 'insert', { key: null, values: { email: `n${count}@x.example` } })).key,
      );
    }
    const all = await listed(session, resource);
    must(
      [key, ...made].every((each) => all.has(each)),
      `${all.size} of ${made.length + 1} records`,
    );
  });
  if (idempotent) {
    await step('the same idempotency key makes no second record', async () => {
      const row = { key: null, values: { email: 'once@x.example' }, idempotencyKey: `once-${process.pid}` };
      const keys = [await write(session, resource, 'insert', row), await write(session, resource, 'insert', row)];
      must(keys[0]?.key === keys[1]?.key, 'two records');
    });
  }
  if (deletes) {
    await step('delete', async () => {
      await write(session, resource, 'delete', { key, values: {} });
      const [read] = await session.read(resource, [key], signal);
      must(read === null, JSON.stringify(read));
    });
  }
}

async function run(emulator: Emulator): Promise<void> {
  process.stdout.write(`${emulator.from} (listens on every interface)\n`);
  const port = await freePort();
  const args = ['exec', '--yes', '--ignore-scripts', `--package=${emulator.from}`, '--', ...emulator.command(port)];
  // A group of its own: npm does not pass a signal on to what it runs.
  const child = spawn('npm', args, {
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, ...emulator.environment(port) },
  });
  const ended = once(child, 'exit');
  try {
    const url = `http://127.0.0.1:${port}`;
    await answers(url, child);
    const config = { auth: { api_key: 'sk_test_emulated1234' }, base_url: url, requests_per_second: 1000 };
    const provider = (await createRegistry().load('stripe')).configure(config);
    const kit = createKit({ connection: 'emulated', provider: 'stripe', log: silentLog });
    await customers(provider.open(kit), emulator);
  } catch (error) {
    failures += 1;
    process.stdout.write(`  FAILED  ${error instanceof Error ? error.message : String(error)}\n`);
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    await ended;
  }
}

for (const emulator of emulators) await run(emulator);
process.stdout.write(`${failures} failed\n`);
process.exit(failures === 0 ? 0 : 1);
