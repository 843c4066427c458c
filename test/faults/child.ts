/** A child process that speaks: started, told, heard, killed. */
import { type ChildProcess, fork } from 'node:child_process';
import { built } from '../support/under-test.js';
import { within } from '../support/wait.js';
import type { FromChild } from './messages.js';

export class TalkingChild {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-4000);
      });
    }
  }

  /** Starts a compiled script, gives it its configuration, and waits until it is ready. */
  static async start(script: string, config: object, hear: (message: FromChild) => void): Promise<TalkingChild> {
    const process = fork(built(script), [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] });
    const child = new TalkingChild(process);
    const ready = new Promise<void>((resolve, reject) => {
      process.once('error', reject);
      process.once('exit', (code, signal) => reject(new Error(`${script} ended with ${code ?? signal}`)));
      process.on('message', (message: FromChild) => {
        if (message.kind === 'ready') resolve();
        else hear(message);
      });
    });
    process.send(config);
    try {
      await within(180_000, () => `${script} to be ready`, ready);
    } catch (cause) {
      await child.kill();
      throw new Error(`${script} did not start: ${child.#output}`, { cause });
    }
    return child;
  }

  /** Whether it runs by itself no more. */
  get gone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What it wrote last. */
  get output(): string {
    return this.#output;
  }

  tell(message: object): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (!this.gone) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
