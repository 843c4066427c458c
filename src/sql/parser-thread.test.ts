/** A worker that dies, that cannot start, and that never answers: played by small scripts. */
import { afterEach, describe, expect, it } from 'vitest';
import { ParserThread, type ThreadOptions } from './parser-thread.js';

const threads: ParserThread[] = [];

function thread(script: string, options: Partial<ThreadOptions> = {}): { losses: string[]; of: ParserThread } {
  const losses: string[] = [];
  const of = new ParserThread({
    file: new URL(`data:text/javascript,${encodeURIComponent(script)}`),
    timeLimit: 60_000,
    onLoss: (reason) => losses.push(reason),
    ...options,
  });
  threads.push(of);
  return { losses, of };
}

afterEach(async () => {
  await Promise.all(threads.splice(0).map((one) => one.close()));
});

const answering = `
  import { parentPort } from 'node:worker_threads';
  const analysis = { kind: 'statements', statements: [] };
  parentPort.on('message', ({ bytes }) => {
    const word = Buffer.from(bytes).toString();
    if (word === 'exit') process.exit(3);
    if (word === 'throw') throw new Error('broken');
    if (word === 'hang') for (;;);
    parentPort.postMessage({ kind: 'analysis', analysis, weight: 7, retire: word === 'retire' });
  });
  parentPort.postMessage({ kind: 'ready' });
`;

const answered = { analysis: { kind: 'statements', statements: [] }, weight: 7 };
const failed = { analysis: { kind: 'opaque', why: 'failure' }, weight: null };
const timedOut = { analysis: { kind: 'opaque', why: 'time' }, weight: null };

function text(word: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(word);
}

function ask(of: ParserThread, words: readonly string[]) {
  return Promise.all(words.map((word) => of.parse(text(word), 'utf8')));
}

describe('ParserThread', () => {
  it('answers in order and goes on after a thread that died or threw', async () => {
    const { losses, of } = thread(answering);
    const words = ['a', 'exit', 'b', 'throw', 'c'];
    expect(await ask(of, words)).toEqual([answered, failed, answered, failed, answered]);
    expect(losses).toEqual(['failure', 'failure']);
  });

  it('gives up a text that takes too long, and goes on with the next', async () => {
    const { losses, of } = thread(answering, { timeLimit: 6000 });
    await of.start();
    expect(await ask(of, ['a', 'hang', 'b', 'hang', 'c'])).toEqual([answered, timedOut, answered, timedOut, answered]);
    expect(losses).toEqual(['time', 'time']);
  });

  it('replaces a thread that asks for it', async () => {
    const { losses, of } = thread(answering);
    expect(await ask(of, ['retire', 'a', 'retire', 'retire', 'b'])).toEqual(Array(5).fill(answered));
    expect(losses).toEqual([]);
  });

  it('answers every text although no thread can start', async () => {
    const { losses, of } = thread('throw new Error("no parser")');
    await expect(of.start()).rejects.toThrow('no parser');
    expect(await ask(of, ['a', 'b'])).toEqual([failed, failed]);
    expect(losses).toEqual(['failure', 'failure', 'failure']);
  });

  it('does not count the start as the text’s time', async () => {
    const slow = `await new Promise((done) => setTimeout(done, 7000));${answering}`;
    const { of } = thread(slow, { timeLimit: 6000 });
    expect(await ask(of, ['a'])).toEqual([answered]);
  });

  it('answers what waits when it is closed, and rejects a start', async () => {
    const { of } = thread('await new Promise(() => setInterval(() => {}, 1000))');
    const start = expect(of.start()).rejects.toThrow('closed');
    const asked = ask(of, ['a', 'b']);
    await of.close();
    expect(await asked).toEqual([failed, failed]);
    await start;
  });
});
