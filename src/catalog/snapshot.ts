/** Reads back the descriptions that the registry keeps as JSON. */
import { z } from 'zod';
import type { Filter, JsonValue, Resource, Verb } from '../provider/index.js';
import { identities, type KnownNames } from './known.js';

const columnType = z.enum([
  'text',
  'boolean',
  'integer',
  'bigint',
  'double precision',
  'numeric',
  'date',
  'time',
  'timestamptz',
  'bytea',
  'jsonb',
  'text[]',
]);

const column = z.object({
  name: z.string(),
  field: z.string(),
  type: columnType,
  nullable: z.boolean(),
  insertable: z.boolean(),
  updatable: z.boolean(),
  required: z.boolean().exactOptional(),
  maxLength: z.number().exactOptional(),
  choices: z.array(z.string()).exactOptional(),
  references: z.array(z.string()).exactOptional(),
  upsertKey: z.boolean().exactOptional(),
  filterable: z.boolean().exactOptional(),
  comment: z.string().exactOptional(),
});

const writeLimit = z.object({ max: z.number(), ceiling: z.number(), atomic: z.boolean() });

const json: z.ZodType<JsonValue> = z.json();
const filter: z.ZodType<Filter> = z.lazy(() =>
  z.discriminatedUnion('kind', [
    z.object({ kind: z.enum(['and', 'or']), of: z.array(filter) }),
    z.object({ kind: z.literal('not'), of: filter }),
    z.object({ kind: z.literal('constant'), value: z.boolean().nullable() }),
    z.object({
      kind: z.literal('compare'),
      column: z.string(),
      operator: z.enum(['=', '<>', '<', '<=', '>', '>=']),
      value: json,
    }),
    z.object({ kind: z.literal('in'), column: z.string(), values: z.array(json) }),
    z.object({ kind: z.literal('null'), column: z.string() }),
    z.object({ kind: z.literal('is'), column: z.string(), value: z.boolean() }),
    z.object({ kind: z.literal('like'), column: z.string(), pattern: z.string(), caseless: z.boolean() }),
  ]),
);
const upsertLimit = writeLimit.extend({ keyColumns: z.number() });

const resource = z.object({
  name: z.string(),
  object: z.string(),
  key: z.string(),
  columns: z.array(column),
  version: z.string().exactOptional(),
  created: z.string().exactOptional(),
  writes: z.object({
    insert: writeLimit.exactOptional(),
    update: writeLimit.exactOptional(),
    delete: writeLimit.exactOptional(),
    upsert: upsertLimit.exactOptional(),
  }),
  pull: z.object({ incremental: z.boolean(), deletions: z.enum(['listed', 'sweep']) }),
  comment: z.string().exactOptional(),
  filter: filter.exactOptional(),
});

const limits = z.object({
  insert: z.number().exactOptional(),
  update: z.number().exactOptional(),
  delete: z.number().exactOptional(),
  upsert: z.number().exactOptional(),
});

/** Throws an Error that names the table where the JSON is no resource. */
export function parseResource(input: unknown, table: string): Resource {
  const parsed = resource.safeParse(input);
  if (!parsed.success)
    throw new Error(`the stored description of table ${table} cannot be read: ${parsed.error.message}`);
  return parsed.data;
}

/** Throws an Error that names the table where the JSON is no set of limits. */
export function parseLimits(input: unknown, table: string): Readonly<Partial<Record<Verb, number>>> {
  const parsed = limits.safeParse(input);
  if (!parsed.success) throw new Error(`the stored limits of table ${table} cannot be read: ${parsed.error.message}`);
  return parsed.data;
}

const names = z.record(z.string(), z.object({ base: z.string(), name: z.string() }));

/** The names of a table's fields; those of its resource where nothing else was kept. */
export function parseNames(input: unknown, of: Resource): KnownNames {
  const own = Object.fromEntries([...identities(of)].map(([name, id]) => [id, { base: name, name }]));
  const parsed = names.safeParse(input);
  return parsed.success ? { ...own, ...parsed.data } : own;
}
