/** Clients' texts → analyses: a cache in front, the parser in worker threads behind. */
import { existsSync } from 'node:fs';
import type { ClientEncoding } from './encoding.js';
import { type Parsed, ParserThread, type ThreadOptions } from './parser-thread.js';
import type { Analysis } from './statement.js';
import { TextCache } from './text-cache.js';

export interface AnalyserOptions {
  /** How long one text may take to parse, in milliseconds; 2,000 by default. */
  readonly timeLimit?: number;
  /** The longest text that is parsed, in bytes; 16 MiB by default. */
  readonly sizeLimit?: number;
  /** Memory for the cache, in bytes, about; 32 MiB by default. */
  readonly cacheBytes?: number;
  /** Told when a parser was lost to a text (`time`, `failure`): for the log. It is never given the text. */
  readonly onLoss?: ThreadOptions['onLoss'];
}

export interface Analyser {
  /** Resolves once a parser is loaded; rejects where it cannot be. Not needed before `analyse`. */
  ready(): Promise<void>;
  /**
   * What an earlier `analyse` of the same text found, where it is still remembered. `text`: the bytes, or the bytes
   * decoded as latin1 (which the screen takes, so that it need not be done twice).
   */
  cached(text: Buffer | string, encoding?: ClientEncoding, standardStrings?: boolean): Analysis | undefined;
  /**
   * Describes a text. Never rejects: what cannot be read is `opaque`. `bytes`: the statement's text as the client sent
   * it, without the closing NUL; the caller may reuse them as soon as this returns. `encoding`: `utf8` unless given.
   * `standardStrings`: the session's `standard_conforming_strings`, on unless given; where it is off, a text with a
   * backslash is opaque (`encoding`), because its strings may end elsewhere.
   */
  analyse(bytes: Uint8Array, encoding?: ClientEncoding, standardStrings?: boolean): Promise<Analysis>;
  /** Ends the threads; texts that still wait are answered with `failure`. */
  close(): Promise<void>;
}

/**
 * Texts up to this length have a thread of their own, so that an ordinary statement never waits behind a long one.
 * Below it even the scanner's quadratic cases (nested comments, `+-+-…`) are over in about a tenth of a second.
 */
const shortTextBytes = 16 * 1024;

const backslash = 0x5c;

function opaque(why: Extract<Analysis, { kind: 'opaque' }>['why']): Analysis {
  return { kind: 'opaque', why };
}

/** The threads run compiled JavaScript: beside this file, or under `dist/` where this file is the TypeScript source. */
function workerFile(): URL {
  const beside = new URL('./parser-worker.js', import.meta.url);
  if (existsSync(beside)) return beside;
  return new URL('../../dist/src/sql/parser-worker.js', import.meta.url);
}

/** A text is one key an encoding; UTF-8, which nearly all are, needs no mark. NUL begins no text. */
function cacheKey(latin1: string, encoding: ClientEncoding): string {
  return encoding === 'utf8' ? latin1 : `\0${encoding}\0${latin1}`;
}

class ThreadedAnalyser implements Analyser {
  readonly #sizeLimit: number;
  readonly #cache: TextCache<Analysis>;
  readonly #short: ParserThread;
  readonly #long: ParserThread;
  /** Texts on their way, so that sessions that send the same one at once wait for one parse. */
  readonly #pending = new Map<string, Promise<Analysis>>();

  constructor(options: AnalyserOptions) {
    this.#sizeLimit = options.sizeLimit ?? 16 * 1024 * 1024;
    this.#cache = new TextCache(options.cacheBytes ?? 32 * 1024 * 1024);
    const thread = {
      file: workerFile(),
      timeLimit: options.timeLimit ?? 2000,
      onLoss: options.onLoss ?? (() => {}),
    };
    this.#short = new ParserThread(thread);
    this.#long = new ParserThread(thread);
  }

  ready(): Promise<void> {
    return this.#short.start();
  }

  cached(text: Buffer | string, encoding: ClientEncoding = 'utf8', standardStrings = true): Analysis | undefined {
    const latin1 = typeof text === 'string' ? text : text.toString('latin1');
    if (!standardStrings && latin1.includes('\\')) return opaque('encoding');
    return this.#cache.get(cacheKey(latin1, encoding));
  }

  analyse(bytes: Uint8Array, encoding: ClientEncoding = 'utf8', standardStrings = true): Promise<Analysis> {
    if (bytes.length > this.#sizeLimit) return Promise.resolve(opaque('size'));
    if (!standardStrings && bytes.includes(backslash)) return Promise.resolve(opaque('encoding'));
    // A copy of its own, which can be handed to the thread without copying it again.
    const copy = new Uint8Array(bytes);
    if (copy.length > this.#cache.longest) return this.#parse(copy, encoding).then((parsed) => parsed.analysis);
    return this.#remembered(copy, encoding);
  }

  async close(): Promise<void> {
    await Promise.all([this.#short.close(), this.#long.close()]);
  }

  #remembered(bytes: Uint8Array<ArrayBuffer>, encoding: ClientEncoding): Promise<Analysis> {
    const key = cacheKey(Buffer.from(bytes.buffer).toString('latin1'), encoding);
    const known = this.#cache.get(key);
    if (known !== undefined) return Promise.resolve(known);
    const underway = this.#pending.get(key);
    if (underway !== undefined) return underway;
    const parsing = this.#parse(bytes, encoding).then(({ analysis, weight }) => {
      this.#pending.delete(key);
      // A serialised analysis takes up about a quarter of what it does as objects.
      if (weight !== null) this.#cache.set(key, analysis, weight * 4);
      return analysis;
    });
    this.#pending.set(key, parsing);
    return parsing;
  }

  #parse(bytes: Uint8Array<ArrayBuffer>, encoding: ClientEncoding): Promise<Parsed> {
    const thread = bytes.length > shortTextBytes ? this.#long : this.#short;
    return thread.parse(bytes, encoding);
  }
}

/** Starts no thread before it is needed. Close it, or its threads live as long as the process. */
export function createAnalyser(options: AnalyserOptions = {}): Analyser {
  return new ThreadedAnalyser(options);
}
