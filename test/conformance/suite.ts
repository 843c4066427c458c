/** The conformance suite over one provider. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { FaultError } from '../../src/errors/index.js';
import { type ConfiguredProvider, createKit, type Kit, type Registry, silentLog } from '../../src/provider/index.js';
import { cases, type Scene } from './cases/index.js';
import type { Stand, StandModule } from './stand.js';

function newKit(provider: string): Kit {
  // The clock of the moment: a case may put another in its place.
  return createKit({ connection: 'conformance', provider, log: silentLog, now: () => Date.now() });
}

/** Every case as a test; to be called within a `describe`. */
export function conform(name: string, registry: Registry, { start, exceptions }: StandModule): void {
  let stand: Stand;
  let provider: ConfiguredProvider;
  let scene: Scene;
  let abort: AbortController;

  beforeAll(async () => {
    stand = await start();
    provider = (await registry.load(name)).configure(stand.config);
  });
  afterAll(() => stand.close());

  beforeEach(async () => {
    stand.reset();
    abort = new AbortController();
    const session = provider.open(newKit(name));
    const resource = (await session.describe(abort.signal)).find((candidate) => candidate.name === stand.table);
    if (resource === undefined) throw new Error(`there is no table ${stand.table}`);
    scene = { stand, session, resource, signal: abort.signal };
  });
  afterEach(() => abort.abort());

  it('lists only cases that exist as exceptions', () => {
    const known = new Set(cases.map((conformance) => conformance.name));
    expect(Object.keys(exceptions).filter((exception) => !known.has(exception))).toEqual([]);
  });

  for (const conformance of cases) {
    const reason = exceptions[conformance.name];
    if (reason === undefined) it(conformance.name, () => conformance.run(scene));
    else it.skip(`${conformance.name}: ${reason}`, () => {});
  }

  it('refuses wrong configurations by key', async () => {
    const loaded = await registry.load(name);
    for (const [config, message] of stand.wrongConfigs) expect(() => loaded.configure(config)).toThrow(message);
  });

  it('tells refused credentials', async () => {
    const session = (await registry.load(name)).configure(stand.badConfig).open(newKit(name));
    const error = await session.check(abort.signal).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FaultError);
    expect(error).toMatchObject({ fault: { sqlstate: '58000', message: expect.stringContaining('"conformance"') } });
    const writing = await session.write(
      {
        verb: 'insert',
        resource: scene.resource,
        rows: [{ key: null, values: stand.fresh('x'), idempotencyKey: 'credentials' }],
        deadline: Date.now() + 20_000,
      },
      abort.signal,
    );
    expect(writing.outcomes).toMatchObject([{ kind: 'rejected', fault: { code: 'credentials_refused' } }]);
  });
}
