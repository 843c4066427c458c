/** The API's error codes in terms of the catalogue. Every code that the API documents for these calls has its line. */
import { z } from 'zod';
import { type Fault, type FaultCode, fault } from '../../src/errors/index.js';
import type { BatchRow, Column, JsonValue, Kit, Outcome, Resource, Verb } from '../../src/provider/index.js';

export const errorsSchema = z.object({
  errors: z
    .array(
      z.object({
        code: z.string(),
        message: z.string(),
        /** The row of the request, counted from 0, and the field. */
        index: z.number().int().optional(),
        field: z.string().optional(),
      }),
    )
    .min(1),
});

export type ApiErrors = z.output<typeof errorsSchema>;
type ApiError = ApiErrors['errors'][number];

const meanings: Readonly<Record<string, FaultCode>> = {
  REQUIRED: 'required_missing',
  TOO_LONG: 'too_long',
  MALFORMED: 'malformed',
  DUPLICATE: 'duplicate',
  UNKNOWN_REFERENCE: 'bad_reference',
  READ_ONLY: 'read_only_column',
  NOT_FOUND: 'record_gone',
  FORBIDDEN: 'upstream_permission',
};

/** The API's own words, for the CONTEXT line. */
export function wordsOf(provider: string, status: number, errors: ApiErrors | undefined): string {
  const [first] = errors?.errors ?? [];
  return first === undefined
    ? `${provider} answered HTTP ${status}`
    : `${provider} answered ${first.code}: ${first.message}`;
}

/** A value as Postgres shows one in `Key (a)=(b)`; long ones are cut. */
function shown(value: JsonValue | undefined): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

function detailOf(code: FaultCode, error: ApiError, column: Column | undefined, row: BatchRow, resource: Resource) {
  if (code === 'record_gone') return `Key (${resource.key})=(${row.key}) is not present in the API.`;
  if (column === undefined) return error.message;
  if (code === 'required_missing') return `Column "${column.name}" is required and has no value.`;
  return `Key (${column.name})=(${shown(row.values[column.name])}): ${error.message}`;
}

function rowFault(error: ApiError, verb: Verb, resource: Resource, row: BatchRow, kit: Kit): Fault {
  const code = meanings[error.code] ?? 'validation';
  const column = resource.columns.find(({ field }) => field === error.field);
  return fault(code, {
    params: {
      provider: kit.provider,
      connection: kit.connection,
      table: resource.name,
      verb: verb.toUpperCase(),
      column: column?.name ?? '',
    },
    detail: kit.describe(detailOf(code, error, column, row, resource)),
    context: kit.describe(wordsOf(kit.provider, 422, { errors: [error] })),
    ...(column === undefined ? {} : { column: column.name }),
  });
}

/** An outcome for each row of a request that the API refused as a whole: the culprits, and those that fell with them. */
export function refusedOutcomes(
  { errors }: ApiErrors,
  verb: Verb,
  resource: Resource,
  rows: readonly BatchRow[],
  kit: Kit,
): readonly Outcome[] {
  const [first] = errors;
  return rows.map((row, index): Outcome => {
    const own = errors.find((error) => error.index === index);
    const shared = errors.find((error) => error.index === undefined);
    const error = own ?? shared ?? first;
    if (error === undefined) throw new Error('a refusal without an error');
    const refused = rowFault(error, verb, resource, row, kit);
    return own === undefined && shared === undefined
      ? { kind: 'rejected', fault: refused, sibling: true }
      : { kind: 'rejected', fault: refused };
  });
}
