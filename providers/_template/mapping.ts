/** Values between the API's form and the contract's (`ColumnType` in the contract says how each type travels). */
import { z } from 'zod';
import type { Column, JsonValue, Rec, Resource, Values } from '../../src/provider/index.js';

const json: z.ZodType<JsonValue> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(json), z.record(z.string(), json)]),
);

export const recordSchema = z.object({
  id: z.string().min(1),
  version: z.number().int(),
  deleted: z.boolean().default(false),
  fields: z.record(z.string(), json),
});

export type ApiRecord = z.output<typeof recordSchema>;

/** Numbers that a double cannot hold travel as text. */
function fromApi(value: JsonValue, { type }: Column): JsonValue {
  if (value === null) return null;
  return (type === 'bigint' || type === 'numeric') && typeof value === 'number' ? String(value) : value;
}

/** A field that the answer does not have is unknown, which differs from null. */
export function toRec(resource: Resource, { id, version, fields }: ApiRecord): Rec {
  const values: Record<string, JsonValue> = { id, version: String(version) };
  for (const column of resource.columns) {
    const value = fields[column.field];
    if (value !== undefined) values[column.name] = fromApi(value, column);
  }
  return { key: id, values };
}

/** What a row assigns, by the API's names. */
export function toFields(resource: Resource, values: Values): Readonly<Record<string, JsonValue>> {
  const fields: Record<string, JsonValue> = {};
  for (const { name, field } of resource.columns) {
    const value = values[name];
    if (value !== undefined) fields[field] = value;
  }
  return fields;
}
