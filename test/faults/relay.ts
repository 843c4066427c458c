/** A TCP relay between two processes that cuts on command: the network of the fault tests. */
import net from 'node:net';

interface Link {
  readonly near: net.Socket;
  readonly far: net.Socket;
}

export class Relay {
  readonly #server: net.Server;
  readonly #target: number;
  readonly #links = new Set<Link>();
  #mode: 'open' | 'muffled' | 'cut' = 'open';

  private constructor(server: net.Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  /** Listens on a free port of 127.0.0.1 and passes everything on to the target's port there. */
  static async open(target: number): Promise<Relay> {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    const relay = new Relay(server, target);
    server.on('connection', (near) => relay.#accept(near));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay is closed');
    return address.port;
  }

  /** Resets every connection, and each new one, until healed. */
  cut(): void {
    this.#mode = 'cut';
    for (const link of this.#links) drop(link);
  }

  /** What is sent arrives, and no answer comes back, until healed or cut. */
  muffle(): void {
    this.#mode = 'muffled';
  }

  /** New connections go through again. One that missed answers is reset: a stream has no holes. */
  heal(): void {
    if (this.#mode === 'muffled') for (const link of this.#links) drop(link);
    this.#mode = 'open';
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near: net.Socket): void {
    near.on('error', () => undefined);
    if (this.#mode === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const link: Link = { near, far };
    this.#links.add(link);
    const forget = (): void => {
      this.#links.delete(link);
      drop(link);
    };
    far.on('error', forget);
    near.on('error', forget);
    near.once('close', forget);
    // A normal end is passed on as one.
    far.once('close', () => (near.writableEnded ? undefined : forget()));
    far.on('data', (chunk) => {
      if (this.#mode !== 'muffled' && !near.write(chunk)) far.pause();
    });
    near.on('drain', () => far.resume());
    far.once('end', () => near.end());
    near.pipe(far);
  }
}

function drop({ near, far }: Link): void {
  if (!near.destroyed) near.resetAndDestroy();
  if (!far.destroyed) far.resetAndDestroy();
}
