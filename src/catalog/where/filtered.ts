/**
 * A session that shows of each table what belongs to it: records that do not fulfil the table's condition do not exist.
 * Whoever syncs reads through it, so that a listing, a change, a webhook and a record read by key all agree.
 *
 * A record that does not belong is listed as a deletion, since it may have belonged before. Whoever has to know whether a
 * record exists at all, as the settling of writes has, uses the session itself.
 */
import type pg from 'pg';
import type { Page, Rec, Resource, Session } from '../../provider/index.js';
import { belonging } from './sql.js';

async function keep(pool: Pick<pg.Pool, 'query'>, resource: Resource, page: Page): Promise<Page> {
  const { filter } = resource;
  if (filter === undefined || page.records.length === 0) return page;
  const fits = await belonging(pool, resource, filter, page.records);
  const others = page.records.filter((_, index) => fits[index] === false).map((record) => record.key);
  if (others.length === 0) return page;
  return {
    ...page,
    records: page.records.filter((_, index) => fits[index] !== false),
    deletions: [...page.deletions, ...others],
  };
}

/** `pool` is asked which records belong; it must not be one whose connections are held while a record is read. */
export function filteredSession(session: Session, pool: Pick<pg.Pool, 'query'>): Session {
  return {
    ...session,
    async *pull(resource, since, signal): AsyncGenerator<Page> {
      for await (const page of session.pull(resource, since, signal)) yield await keep(pool, resource, page);
    },
    async read(resource, keys, signal) {
      const records = await session.read(resource, keys, signal);
      const { filter } = resource;
      const found = records.filter((record) => record !== null);
      if (filter === undefined || found.length === 0) return records;
      const fits = await belonging(pool, resource, filter, found);
      const outside = new Set<Rec>(found.filter((_, index) => fits[index] === false));
      return records.map((record) => (record === null || outside.has(record) ? null : record));
    },
  };
}
