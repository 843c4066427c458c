/** The providers that there are, and what each declares of its writes, asked of itself in front of its stand-in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createKit,
  createRegistry,
  type Resource,
  type Session,
  silentLog,
  type Verb,
} from '../../src/provider/index.js';
import { everyMillis } from '../../src/sync/index.js';
import type { StandModule } from '../conformance/stand.js';

/** A provider's own name for itself, the heading of its page, with the page and the stand-in. */
export async function providersMarkdown(root: string): Promise<string> {
  const lines = (await createRegistry().names()).map((name) => {
    const page = `providers/${name}/README.md`;
    const title = /^# (.+)$/m.exec(readFileSync(join(root, page), 'utf8'))?.[1] ?? name;
    return `| ${title} | [providers/${name}](${page}) | [fixtures/${name}](fixtures/${name}) |`;
  });
  return ['| API | page | stand-in |', '|---|---|---|', ...lines].join('\n');
}

const verbs: readonly Verb[] = ['insert', 'update', 'delete', 'upsert'];
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

interface Declared {
  readonly session: Session;
  readonly resources: readonly Resource[];
}

/** `200`, `1–100` where tables differ, `1 (to 100)` where a configuration may raise it, – where it is not offered. */
function rows(resources: readonly Resource[], verb: Verb): string {
  const limits = resources.flatMap((resource) => resource.writes[verb] ?? []);
  if (limits.length === 0) return '–';
  const max = range(limits.map((limit) => limit.max));
  const ceiling = Math.max(...limits.map((limit) => limit.ceiling));
  return ceiling > Math.max(...limits.map((limit) => limit.max)) ? `${max} (to ${ceiling})` : max;
}

function range(numbers: readonly number[]): string {
  const least = Math.min(...numbers);
  const most = Math.max(...numbers);
  return least === most ? String(most) : `${least}–${most}`;
}

/** API calls that a statement with as many rows as it may have costs, over all tables and verbs. */
function calls({ session, resources }: Declared): string {
  return range(
    resources.flatMap((resource) =>
      verbs.flatMap((verb) => {
        const limit = resource.writes[verb];
        return limit === undefined ? [] : [session.plan(verb, resource, limit.max).calls];
      }),
    ),
  );
}

function atomic(resources: readonly Resource[]): string {
  const all = new Set(resources.flatMap((resource) => verbs.flatMap((verb) => resource.writes[verb]?.atomic ?? [])));
  return all.size > 1 ? 'by table' : all.has(true) ? 'yes' : 'no';
}

/** What a provider declares, in front of its stand-in. */
export async function declaredBy(name: string): Promise<Declared> {
  const { start }: StandModule = await import(`../conformance/stands/${name}.${extension}`);
  const stand = await start();
  try {
    const provider = (await createRegistry().load(name)).configure(stand.config);
    const session = provider.open(createKit({ connection: name, provider: name, log: silentLog }));
    return { session, resources: await session.describe(AbortSignal.timeout(30_000)) };
  } finally {
    await stand.close();
  }
}

async function line(name: string): Promise<string> {
  const declared = await declaredBy(name);
  const { resources } = declared;
  const counts = verbs.map((verb) => rows(resources, verb));
  const cells = [`[${name}](providers/${name}/README.md)`, ...counts];
  return `| ${[...cells, atomic(resources), calls(declared)].join(' | ')} |`;
}

/** One line a provider. */
export async function limitsMarkdown(): Promise<string> {
  const lines: string[] = [];
  for (const name of await createRegistry().names()) lines.push(await line(name));
  return [
    '| provider | INSERT | UPDATE | DELETE | upsert | all or nothing | API calls |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

/** `86 400 000` as the units that a person would use. */
function spanOf(ms: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  const [size, name] = units.find(([least]) => ms >= least) ?? [1000, 's'];
  return `${Math.round((ms / size) * 10) / 10} ${name}`;
}

/** How often each API's tables are looked at unless the configuration says otherwise. */
export async function pacesMarkdown(): Promise<string> {
  const lines: string[] = [];
  const registry = createRegistry();
  for (const name of await registry.names()) {
    const { pace } = await registry.load(name);
    const quota = `${pace.requests} in ${spanOf(pace.perMillis)}`;
    const every = [1, 10, 50].map((tables) => spanOf(everyMillis({ pace }, tables)));
    lines.push(`| ${name} | ${quota} | ${pace.share * 100} % | ${pace.look} | ${every.join(' | ')} |`);
  }
  return [
    '| provider | requests that its API takes | for looks | a look | with 1 table | with 10 | with 50 |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}
