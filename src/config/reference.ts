/** The configuration's keys as a Markdown table, from the schema itself. */
import { z } from 'zod';
import { configSchema } from './schema.js';

export interface ReferenceRow {
  readonly key: string;
  readonly default: string;
  readonly meaning: string;
}

type JsonSchema = z.core.JSONSchema._JSONSchema;

function showDefault(schema: z.core.JSONSchema.JSONSchema): string {
  const shown = schema['shownDefault'];
  if (typeof shown === 'string') return shown;
  const value = schema.default;
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0))
    return '–';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function rowsOf(schema: JsonSchema, key: string): readonly ReferenceRow[] {
  if (typeof schema !== 'object') return [];
  const own =
    schema.description === undefined ? [] : [{ key, default: showDefault(schema), meaning: schema.description }];
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    rowsOf(child, key === '' ? name : `${key}.${name}`),
  );
  const named =
    typeof schema.additionalProperties === 'object' ? rowsOf(schema.additionalProperties, `${key}.<name>`) : [];
  const items =
    typeof schema.items === 'object' && !Array.isArray(schema.items) ? rowsOf(schema.items, `${key}[]`) : [];
  return [...own, ...below, ...named, ...items];
}

/** One row a key, in the schema's order. */
export function configReference(): readonly ReferenceRow[] {
  return rowsOf(z.toJSONSchema(configSchema('/'), { io: 'input', unrepresentable: 'any' }), '');
}

/** The table for the README. */
export function configReferenceMarkdown(): string {
  const rows = configReference().map(
    (row) => `| \`${row.key}\` | ${row.default} | ${row.meaning.replaceAll('|', '\\|')} |`,
  );
  return ['| key | default | meaning |', '|---|---|---|', ...rows].join('\n');
}
