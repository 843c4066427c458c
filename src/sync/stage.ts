/** Brings a page's records to the database: large pages through COPY into a temporary table, small ones as a parameter. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { copyField, ident, type RecordGroup, recordTexts } from '../catalog/index.js';

/**
 * From how many records on COPY is the cheaper way. A temporary table costs some rows of the system catalogs each time,
 * which thousands of quiet tables with a handful of changes must not cost all day.
 */
export const copyThreshold = 500;

/** Records to a chunk of COPY data: some hundred kilobytes, so that a page never becomes one string. */
const chunkRecords = 500;

/**
 * Stages the group in a temporary table that lasts as long as the transaction, and answers its name; null where the
 * group is small and goes as a parameter. `number` tells apart the groups of one transaction.
 */
export async function stage(
  client: pg.ClientBase,
  key: string,
  group: RecordGroup,
  number: number,
): Promise<string | null> {
  if (group.records.length < copyThreshold) return null;
  const name = `pg_temp.upwrite_page_${number}`;
  const columns = group.columns.map((column) => `${ident(column.name)} ${column.type}`);
  await client.query(`CREATE TEMPORARY TABLE upwrite_page_${number} (${columns.join(', ')}) ON COMMIT DROP`);
  await pipeline(Readable.from(copyData(key, group)), client.query(copyFrom(`COPY ${name} FROM STDIN`)));
  return name;
}

function* copyData(key: string, group: RecordGroup): Generator<Buffer> {
  for (let start = 0; start < group.records.length; start += chunkRecords) {
    let text = '';
    for (const record of group.records.slice(start, start + chunkRecords)) {
      text += `${recordTexts(group.columns, key, record).map(copyField).join('\t')}\n`;
    }
    yield Buffer.from(text);
  }
}
