/**
 * The stand-in API of the sync's fault tests, in a process that can be killed. Its records are in a file, and so is a line
 * for each page of a full listing that it has given.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { FromChild } from '../messages.js';
import { pageSize } from './pages.js';

export interface PagedConfig {
  readonly port: number;
  readonly directory: string;
}

export interface Item {
  readonly id: string;
  readonly note: string;
  readonly version: number;
  readonly deleted: boolean;
}

process.on('disconnect', () => process.exit());
process.once('message', ({ port, directory }: PagedConfig) => {
  const file = join(directory, 'items.json');
  const pages = join(directory, 'pages.log');
  const kept: readonly Item[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
  const items = new Map(kept.map((item) => [item.id, item]));
  let version = Math.max(0, ...kept.map((item) => item.version));

  const list = (query: URLSearchParams): { items: readonly Item[]; more: boolean; latest: number } => {
    const all = [...items.values()];
    const ids = query.get('ids')?.split(',');
    if (ids !== undefined) return { items: all.filter(({ id }) => ids.includes(id)), more: false, latest: version };
    const after = query.get('after');
    const [at, id] = [Number(query.get('at')), query.get('id') ?? ''];
    const rest =
      after === null
        ? all
            .filter((item) => item.version > at || (item.version === at && item.id > id))
            .sort((a, b) => a.version - b.version || (a.id < b.id ? -1 : 1))
        : all.filter((item) => !item.deleted && item.id > after).sort((a, b) => (a.id < b.id ? -1 : 1));
    if (after !== null) appendFileSync(pages, `${after}\n`);
    return { items: rest.slice(0, pageSize), more: rest.length > pageSize, latest: version };
  };

  /** Several changes have one version: equal time stamps. */
  const change = (changes: Readonly<Record<string, string | null>>): void => {
    version += 1;
    for (const [id, note] of Object.entries(changes)) {
      items.set(id, { id, note: note ?? '', version, deleted: note === null });
    }
    writeFileSync(`${file}.new`, JSON.stringify([...items.values()]));
    renameSync(`${file}.new`, file);
  };

  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const url = new URL(request.url ?? '/', 'http://paged.invalid');
      if (request.method === 'POST') change(JSON.parse(body));
      const answer =
        request.method === 'POST' ? {} : url.pathname === '/state' ? [...items.values()] : list(url.searchParams);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
    });
  });
  server.listen(port, '127.0.0.1', () => process.send?.({ kind: 'ready' } satisfies FromChild));
});
