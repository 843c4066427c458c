/** Kinds of values that keys of the configuration have. Messages never quote a value: it may be a secret. */
import { z } from 'zod';
import { parseDuration } from './units.js';

/** What the README's table says of a key. */
export const meaning = (description: string) => ({ description });

/** A whole number; its digits may have come from the environment as text. */
export function whole(least: number, most: number) {
  const words = `must be a whole number from ${least} to ${most}`;
  return z
    .union([z.number(), z.string().regex(/^\d{1,15}$/, words)], words)
    .transform(Number)
    .refine((value) => Number.isInteger(value) && value >= least && value <= most, words);
}

/** A duration, in milliseconds when parsed. `least` and `most` are written as in the file. */
export function duration(least: string, most: string) {
  const words = `must be a duration from ${least} to ${most}, such as 250ms, 30s, 5m, 2h or 30d`;
  const low = parseDuration(least) ?? 0;
  const high = parseDuration(most) ?? Number.MAX_SAFE_INTEGER;
  return z.string(words).transform((text, context) => {
    const value = parseDuration(text);
    if (value !== undefined && value >= low && value <= high) return value;
    context.addIssue({ code: 'custom', message: words });
    return z.NEVER;
  });
}

export const text = (what: string) => z.string(`must be ${what}`).min(1, `must be ${what}`);

/** A name that needs no quotes in SQL, of at most 63 bytes. */
export const sqlName = z
  .string('must be a name')
  .regex(
    /^[a-z_][a-z0-9_]{0,62}$/,
    'must be a name of at most 63 lower-case letters, digits and underscores, beginning with a letter',
  );

export const schemaName = sqlName
  .refine((name) => !name.startsWith('pg_'), 'must not begin with pg_: Postgres keeps such schemas for itself')
  .refine((name) => name !== 'upwrite', "must not be upwrite: that schema holds Upwrite's own tables")
  .refine((name) => name !== 'upwrite_jobs', "must not be upwrite_jobs: that schema holds Upwrite's own jobs")
  .refine((name) => name !== 'information_schema', 'must not be information_schema: Postgres keeps it for itself');
