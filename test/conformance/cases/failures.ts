/** Failures on the way: lost answers, limits, tokens, cancelling. */
import { expect, vi } from 'vitest';
import type { Trouble } from '../stand.js';
import {
  type Case,
  codes,
  insert,
  mark,
  marks,
  max,
  patience,
  type Row,
  type Scene,
  type Sent,
  send,
} from './scene.js';

/** Inserts rows whose request meets the trouble. */
async function sendInto(scene: Scene, trouble: Trouble, rows: readonly Row[]): Promise<Sent> {
  scene.stand.trouble(trouble);
  return send(scene, 'insert', rows);
}

/**
 * The same where no answer comes. The time for it is over as soon as the API has the request: a real clock would have to
 * guess how long the request takes to get there. Until then time goes on, as something on the way may wait for its turn,
 * but not while the machine stalls.
 */
async function sendIntoSilence(scene: Scene, trouble: Trouble, rows: readonly Row[]): Promise<Sent> {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
  try {
    const { reached } = scene.stand.trouble(trouble);
    const sent = send(scene, 'insert', rows);
    await Promise.race([reached, sent]);
    await vi.advanceTimersByTimeAsync(patience);
    return await sent;
  } finally {
    vi.useRealTimers();
  }
}

const lostAnswerCase = (kind: 'cut' | 'silence', phase: 'before' | 'after'): Case => ({
  name: `${kind} ${phase} applying: the outcome is told as far as it is known, and findInserted tells`,
  run: async (scene) => {
    const { stand, session, signal } = scene;
    const count = stand.rowRequests === true ? 1 : Math.min(3, max(scene, 'insert'));
    const isRepeated = stand.rowRequests === true && kind === 'cut';
    const isApplied = isRepeated || phase === 'after';
    const before = stand.state().size;
    const rows = marks(count).map((text) => ({ values: stand.fresh(text) }));
    const writes = stand.writes();
    const { outcomes, batch, sentAt } = await (kind === 'cut' ? sendInto : sendIntoSilence)(
      scene,
      { kind, phase },
      rows,
    );
    expect(new Set(codes(outcomes))).toEqual(new Set([isRepeated ? 'applied' : 'outcome_unknown']));
    expect(stand.writes()).toBeLessThanOrEqual(writes + (isRepeated ? 2 : 1));
    const found = await session.findInserted(batch, sentAt, signal);
    expect(stand.state().size).toBe(before + (isApplied ? count : 0));
    if (!isApplied) expect(found).toEqual(batch.rows.map(() => null));
    else expect(new Set(found.map((record) => record?.key)).size).toBe(count);
    for (const [index, record] of found.entries()) {
      if (record !== null) expect(stand.state().get(record.key)).toBe(batch.rows[index]?.values[stand.mark]);
    }
  },
});

const rateCase: Case = {
  name: 'a rate limit is waited for when there is time, and told when there is none',
  run: async (scene) => {
    const { stand } = scene;
    stand.trouble({ kind: 'rate', seconds: 0 });
    await insert(scene, [mark('waited')]);
    stand.trouble({ kind: 'rate', seconds: 30 });
    const before = stand.state().size;
    const rows = [{ values: stand.fresh(mark('late')) }];
    const { outcomes } = await send(scene, 'insert', rows);
    const [outcome] = outcomes;
    expect(codes(outcomes)).toEqual(['rate_limited']);
    expect(outcome?.kind === 'rejected' && outcome.fault.message).toMatch(/retry in (29|30) s/);
    expect(stand.state().size).toBe(before);
  },
};

const busyCase: Case = {
  name: 'a server that did not take the request on is asked again',
  run: async (scene) => {
    scene.stand.trouble({ kind: 'busy' }, { times: 2 });
    const before = scene.stand.state().size;
    await insert(scene, [mark('busy')]);
    expect(scene.stand.state().size).toBe(before + 1);
  },
};

const crashCase: Case = {
  name: 'a server that failed may have applied the write: it is not sent again',
  run: async (scene) => {
    scene.stand.trouble({ kind: 'crash' });
    const before = scene.stand.writes();
    const { outcomes } = await send(scene, 'insert', [{ values: scene.stand.fresh(mark('crash')) }]);
    expect(codes(outcomes)).toEqual(['outcome_unknown']);
    expect(scene.stand.writes()).toBe(before + 1);
  },
};

const readTroubleCase: Case = {
  name: 'reads are repeated through failures',
  run: async (scene) => {
    const { stand, session, resource, signal } = scene;
    const key = stand.upstream.insert(mark('read'));
    for (const kind of ['crash', 'busy'] as const) {
      stand.trouble({ kind }, { times: 2, reads: true });
      const [record] = await session.read(resource, [key], signal);
      expect(record?.key).toBe(key);
    }
    stand.trouble({ kind: 'cut', phase: 'before' }, { reads: true });
    expect(await session.read(resource, [stand.missingKey], signal)).toEqual([null]);
  },
};

const tokenCase: Case = {
  name: 'an access token that expires in the middle is renewed, once for all',
  run: async (scene) => {
    const { stand } = scene;
    await insert(scene, [mark('before')]);
    stand.expireToken();
    const before = stand.state().size;
    await Promise.all(marks(5).map((text) => insert(scene, [text])));
    expect(stand.state().size).toBe(before + 5);
  },
};

const cancelCase: Case = {
  name: 'a cancelled write ends: before sending cleanly, after it as unknown',
  run: async (scene) => {
    const { stand } = scene;
    const before = stand.state().size;
    const rows = [{ values: stand.fresh(mark('cancelled')) }];
    const early = await send(scene, 'insert', rows, { signal: AbortSignal.abort() });
    expect(codes(early.outcomes)).toEqual(['write_cancelled']);
    expect(stand.state().size).toBe(before);
    const abort = new AbortController();
    stand.trouble({ kind: 'silence', phase: 'after' });
    const sent = send(scene, 'insert', rows, { signal: abort.signal });
    await expect.poll(() => stand.state().size, { timeout: 20_000 }).toBe(before + 1);
    abort.abort();
    expect(codes((await sent).outcomes)).toEqual(['outcome_unknown']);
  },
};

export const failureCases: readonly Case[] = [
  lostAnswerCase('cut', 'before'),
  lostAnswerCase('cut', 'after'),
  lostAnswerCase('silence', 'before'),
  lostAnswerCase('silence', 'after'),
  rateCase,
  busyCase,
  crashCase,
  readTroubleCase,
  tokenCase,
  cancelCase,
];
