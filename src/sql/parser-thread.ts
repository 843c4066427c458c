/**
 * One worker thread with its queue of texts.
 *
 *     absent ──a text waits──▶ starting ──it says ready──▶ idle ◀──answer── busy
 *       ▲                         │                          └──next text──▶ │
 *       └────────died─────────────┴──────────────────────────────────────────┤
 *                              starting ◀──answer with `retire`, time is up──┘
 *
 * A thread that died is started again only for the next text, so that one which cannot start does not spin.
 */
import { Worker } from 'node:worker_threads';
import type { ClientEncoding } from './encoding.js';
import type { ParserAnswer } from './parser-messages.js';
import type { Analysis } from './statement.js';

/** `weight`: the analysis's size in bytes; null where it says nothing about the text that would hold another time. */
export interface Parsed {
  readonly analysis: Analysis;
  readonly weight: number | null;
}

interface Job {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly encoding: ClientEncoding;
  readonly settle: (parsed: Parsed) => void;
}

export interface ThreadOptions {
  readonly file: URL;
  /** How long one text may take, in milliseconds. */
  readonly timeLimit: number;
  /** Told when a thread was lost: for the log, never with the client's text. */
  readonly onLoss: (reason: 'time' | 'failure', error: unknown) => void;
}

type State = 'absent' | 'starting' | 'idle' | 'busy' | 'closed';

const resourceLimits = {
  // The parser recurses. On a small stack the engine's RangeError comes long before the parser's own memory is at risk.
  stackSizeMb: 1,
  maxOldGenerationSizeMb: 768,
  maxYoungGenerationSizeMb: 32,
};

const failed: Parsed = { analysis: { kind: 'opaque', why: 'failure' }, weight: null };
const timedOut: Parsed = { analysis: { kind: 'opaque', why: 'time' }, weight: null };

export class ParserThread {
  readonly #options: ThreadOptions;
  readonly #queue: Job[] = [];
  #state: State = 'absent';
  #worker: Worker | null = null;
  #current: Job | null = null;
  #timer: NodeJS.Timeout | undefined;
  #lastError: unknown = null;
  /** Called once the first thread is ready or could not start. */
  #onStart: ((error: unknown) => void) | null = null;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  /** Starts the thread ahead of the first text; rejects where it cannot start. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state !== 'absent') return resolve();
      this.#onStart = (error) => (error === null ? resolve() : reject(error));
      this.#spawn();
      this.#worker?.ref();
    });
  }

  /** Takes ownership of the bytes. */
  parse(bytes: Uint8Array<ArrayBuffer>, encoding: ClientEncoding): Promise<Parsed> {
    if (this.#state === 'closed') return Promise.resolve(failed);
    return new Promise((settle) => {
      this.#queue.push({ bytes, encoding, settle });
      this.#advance();
    });
  }

  /** Texts that still wait are answered with `failure`. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#started(new Error('closed'));
    this.#finish(failed);
    for (const job of this.#queue.splice(0)) job.settle(failed);
    await this.#discard();
  }

  /** A thread keeps the process alive only while somebody waits for it. */
  #advance(): void {
    if (this.#queue.length > 0 && this.#state === 'absent') this.#spawn();
    if (this.#queue.length > 0) this.#worker?.ref();
    if (this.#state !== 'idle') return;
    const job = this.#queue.shift();
    if (job === undefined) {
      this.#worker?.unref();
      return;
    }
    this.#state = 'busy';
    this.#current = job;
    this.#timer = setTimeout(() => this.#onTime(job), this.#options.timeLimit);
    this.#worker?.postMessage({ bytes: job.bytes, encoding: job.encoding }, [job.bytes.buffer]);
  }

  #spawn(): void {
    const worker = new Worker(this.#options.file, { resourceLimits, stdout: true, stderr: true });
    // What the parser prints when it fails is of no use, and nothing about a client's text goes to a log.
    worker.stdout.resume();
    worker.stderr.resume();
    worker.unref();
    this.#worker = worker;
    this.#state = 'starting';
    this.#lastError = null;
    worker.on('message', (answer: ParserAnswer) => {
      if (this.#worker === worker) this.#onAnswer(answer);
    });
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#lastError = error;
    });
    worker.on('exit', (code) => {
      if (this.#worker === worker)
        this.#onDeath(this.#lastError ?? new Error(`the parser's thread ended with ${code}`));
    });
  }

  #onAnswer(answer: ParserAnswer): void {
    if (answer.kind === 'ready') {
      this.#state = 'idle';
      this.#started(null);
    } else {
      const failure = answer.analysis.kind === 'opaque' && answer.analysis.why === 'failure';
      this.#state = 'idle';
      this.#finish({ analysis: answer.analysis, weight: failure ? null : answer.weight });
      if (failure) this.#options.onLoss('failure', null);
      if (answer.retire) this.#replace();
    }
    this.#advance();
  }

  /** An event loop that was held up runs its timers before it reads the answers that came in the meantime. */
  #onTime(job: Job): void {
    setImmediate(() => {
      if (this.#current !== job) return;
      this.#finish(timedOut);
      this.#options.onLoss('time', null);
      this.#replace();
      this.#advance();
    });
  }

  #onDeath(error: unknown): void {
    const wasStarting = this.#state === 'starting';
    this.#worker = null;
    this.#state = 'absent';
    this.#options.onLoss('failure', error);
    this.#started(error);
    this.#finish(failed);
    // Whoever waited for a start that failed gets an answer; the next text is another try.
    if (wasStarting) this.#queue.shift()?.settle(failed);
    this.#advance();
  }

  #started(error: unknown): void {
    this.#onStart?.(error);
    this.#onStart = null;
  }

  #finish(parsed: Parsed): void {
    clearTimeout(this.#timer);
    const job = this.#current;
    this.#current = null;
    job?.settle(parsed);
  }

  #replace(): void {
    void this.#discard();
    this.#spawn();
  }

  async #discard(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }
}
