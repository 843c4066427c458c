/**
 * Whether a value is one of its column's type. APIs keep values that their own description does not allow: a property that
 * became a number still has the text of before, a date has a year that no calendar has. The database would refuse the
 * whole page for it, and the table would stop for ever; so such a value is left out, which is NULL, and told.
 *
 * What PostgreSQL would read is let through, not only what the contract asks for: a value that is left out is lost.
 * Source: PostgreSQL manual, "Numeric Types", "Date/Time Types" (ranges), "Boolean Type".
 */
import type { Column, ColumnType, JsonValue, Rec, Resource } from './contract.js';
import type { KitLog } from './kit.js';

const decimal = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,6}))?\s*$/;
const special = /^\s*(?:nan|[+-]?inf(?:inity)?)\s*$/i;
const whole = /^\s*[+-]?\d+\s*$/;
const truth = /^\s*(?:t|true|f|false|y|yes|n|no|on|off|0|1)\s*$/i;
/** What nearly all of them are, without a second look. */
const usualMoment =
  /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]0\d:?[0-5]\d))?$/;
const moment =
  /^\s*(\d{4,7})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(?:Z|[+-](?:0\d|1[0-5])(?::?[0-5]\d)?)?)?\s*$/i;
const clock = /^\s*(\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(?:Z|[+-](?:0\d|1[0-5])(?::?[0-5]\d)?)?\s*$/i;
const endless = /^\s*-?infinity\s*$/i;

/** The last years that the types have. */
const lastYear = { date: 5_874_897, timestamptz: 294_276 } as const;
/** Beyond this, in either direction, not every numeric has its digits. */
const largestExponent = 16_000;

function isWhole(value: string | number, bits: 32 | 64): boolean {
  if (typeof value === 'number' ? !Number.isInteger(value) : !whole.test(value)) return false;
  const number = BigInt(typeof value === 'number' ? value : value.trim().replace(/^\+/, ''));
  return BigInt.asIntN(bits, number) === number;
}

function isNumeric(value: string | number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  const match = decimal.exec(value);
  return match === null ? special.test(value) : Math.abs(Number(match[1] ?? 0)) <= largestExponent;
}

/** Floating point has no room for what is too large, nor for what is too small. */
function isDouble(value: string | number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (!decimal.test(value)) return special.test(value);
  const number = Number(value);
  return Number.isFinite(number) && (number !== 0 || !/[1-9]/.test(value.replace(/[eE].*/, '')));
}

function isClock(hour: number, minute: number, second: number): boolean {
  return minute < 60 && second <= 60 && (hour < 24 || (hour === 24 && minute === 0 && second === 0));
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1 || year < 1) return false;
  // The Gregorian calendar repeats every 400 years.
  return day <= 28 || day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}

function isMoment(value: string, type: 'date' | 'timestamptz'): boolean {
  if (usualMoment.test(value)) return true;
  const match = moment.exec(value);
  if (match === null) return endless.test(value);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  return year <= lastYear[type] && isDay(year, month, day) && isClock(hour, minute, second);
}

function isTime(value: string): boolean {
  const [, hour, minute, second] = clock.exec(value) ?? [];
  return hour !== undefined && isClock(Number(hour), Number(minute), Number(second ?? 0));
}

/** Whether PostgreSQL can hold the value, which is not null, as one of the type. */
export function fits(type: ColumnType, value: JsonValue): boolean {
  switch (type) {
    case 'text':
    case 'jsonb':
    case 'bytea':
      return true;
    case 'text[]':
      return Array.isArray(value);
    case 'boolean':
      return (
        typeof value === 'boolean' ||
        ((typeof value === 'string' || typeof value === 'number') && truth.test(String(value)))
      );
    case 'integer':
    case 'bigint':
      return (typeof value === 'number' || typeof value === 'string') && isWhole(value, type === 'integer' ? 32 : 64);
    case 'numeric':
      return (typeof value === 'number' || typeof value === 'string') && isNumeric(value);
    case 'double precision':
      return (typeof value === 'number' || typeof value === 'string') && isDouble(value);
    case 'date':
    case 'timestamptz':
      return typeof value === 'string' && isMoment(value, type);
    case 'time':
      return typeof value === 'string' && isTime(value);
  }
}

/** The columns whose values can be wrong, by resource. */
const checked = new WeakMap<Resource, readonly Column[]>();

function checkedColumns(resource: Resource): readonly Column[] {
  const known = checked.get(resource);
  if (known !== undefined) return known;
  const found = resource.columns.filter(
    ({ name, type }) => name !== resource.key && type !== 'text' && type !== 'jsonb' && type !== 'bytea',
  );
  checked.set(resource, found);
  return found;
}

/** The record with NULL for what is not of its column's type, which `unfit` names; the same object where all is well. */
export function withoutUnfit(resource: Resource, record: Rec): Rec {
  let unfit: string[] | undefined;
  for (const { name, type } of checkedColumns(resource)) {
    const value = record.values[name];
    if (value === undefined || value === null || fits(type, value)) continue;
    unfit ??= [];
    unfit.push(name);
  }
  if (unfit === undefined) return record;
  const none = Object.fromEntries(unfit.map((name) => [name, null]));
  return { key: record.key, values: { ...record.values, ...none }, unfit };
}

/** Milliseconds between two lines of the log about one column: what is wrong is listed again and again. */
const quiet = 600_000;

interface Tally {
  count: number;
  /** Of the last line. */
  at: number;
}

/** Says in the log which columns have such values, of which record, and how often since the last line. */
export class UnfitLog {
  readonly #log: KitLog;
  readonly #now: () => number;
  readonly #tallies = new Map<string, Tally>();

  constructor(log: KitLog, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  tell(resource: Resource, { key, unfit = [] }: Rec): void {
    for (const name of unfit) {
      const id = `${resource.object} ${name}`;
      const tally = this.#tallies.get(id) ?? { count: 0, at: Number.NEGATIVE_INFINITY };
      this.#tallies.set(id, tally);
      tally.count += 1;
      if (this.#now() - tally.at < quiet) continue;
      const column = resource.columns.find((candidate) => candidate.name === name);
      this.#log.warn(
        { table: resource.name, column: name, field: column?.field, type: column?.type, key, count: tally.count },
        'a value is not of the type of its column, and NULL here',
      );
      tally.count = 0;
      tally.at = this.#now();
    }
  }
}
