/** pg-copy-streams has no types of its own. */
import { createRequire } from 'node:module';
import type { Readable, Writable } from 'node:stream';
import type { Submittable } from 'pg';

interface CopyStreams {
  from(text: string): Submittable & Writable;
  to(text: string): Submittable & Readable;
}

const streams: CopyStreams = createRequire(import.meta.url)('pg-copy-streams');

/** A stream to write COPY data into, to be given to `client.query`. */
export const copyFrom = (text: string): Submittable & Writable => streams.from(text);

/** A stream of COPY data, to be given to `client.query`. */
export const copyTo = (text: string): Submittable & Readable => streams.to(text);
