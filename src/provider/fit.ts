/**
 * Whether a value is one of its column's type. APIs keep values that their own description does not allow: a property that
 * became a number still has the text of before, a date has a year that no calendar has. The database would refuse the
 * whole page for it, and the table would stop for ever; so such a value is left out, which is NULL, and told.
 *
 * What PostgreSQL would read is let through, not only what the contract asks for: a value that is left out is lost.
 * Source: PostgreSQL manual, "Numeric Types", "Date/Time Types" (ranges), "Boolean Type".
 */
import type { ColumnType, JsonValue, Rec, Resource } from './contract.js';
import type { KitLog } from './kit.js';

/** What nearly all values look like, for a first look that costs little: this is done for every value that comes. */
const usualNumber = /^-?\d{1,300}(?:\.\d+)?$/;
const usualMoment =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]0\d:?[0-5]\d))?$/;

const decimal = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,6}))?\s*$/;
const special = /^\s*(?:nan|[+-]?inf(?:inity)?)\s*$/i;
const whole = /^\s*[+-]?\d+\s*$/;
const truth = /^\s*(?:t|true|f|false|y|yes|n|no|on|off|0|1)\s*$/i;
const moment =
  /^\s*(\d{4,7})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(?:Z|[+-](?:0\d|1[0-5])(?::?[0-5]\d)?)?)?\s*$/i;
const clock = /^\s*(\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(?:Z|[+-](?:0\d|1[0-5])(?::?[0-5]\d)?)?\s*$/i;
const endless = /^\s*-?infinity\s*$/i;

/** The last years that the types have. */
const lastYear = { date: 5_874_897, timestamptz: 294_276 } as const;
/** Beyond this, in either direction or in all, a numeric may have more digits than there is room for. */
const largestExponent = 16_000;

function isWhole(value: JsonValue, bits: 32 | 64): boolean {
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) return false;
    return bits === 32 ? value === (value | 0) : BigInt.asIntN(64, BigInt(value)) === BigInt(value);
  }
  if (typeof value !== 'string' || !whole.test(value)) return false;
  const number = BigInt(value.trim().replace(/^\+/, ''));
  return BigInt.asIntN(bits, number) === number;
}

function isNumeric(value: JsonValue): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'string' || value.length > largestExponent) return false;
  if (usualNumber.test(value)) return true;
  const match = decimal.exec(value);
  return match === null ? special.test(value) : Math.abs(Number(match[1] ?? 0)) <= largestExponent;
}

/** Floating point has no room for what is too large, nor for what is too small. */
function isDouble(value: JsonValue): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'string') return false;
  if (!decimal.test(value)) return special.test(value);
  const number = Number(value);
  return Number.isFinite(number) && (number !== 0 || !/[1-9]/.test(value.replace(/[eE].*/, '')));
}

function isClock(hour: number, minute: number, second: number): boolean {
  return minute < 60 && second <= 60 && (hour < 24 || (hour === 24 && minute === 0 && second === 0));
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1 || year < 1) return false;
  if (day <= 28) return true;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31);
}

function isMoment(value: JsonValue, type: 'date' | 'timestamptz'): boolean {
  if (typeof value !== 'string') return false;
  if (usualMoment.test(value)) {
    return isDay(Number(value.slice(0, 4)), Number(value.slice(5, 7)), Number(value.slice(8, 10)));
  }
  const match = moment.exec(value);
  if (match === null) return endless.test(value);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  return year <= lastYear[type] && isDay(year, month, day) && isClock(hour, minute, second);
}

function isTime(value: JsonValue): boolean {
  const [, hour, minute, second] = (typeof value === 'string' ? clock.exec(value) : null) ?? [];
  return hour !== undefined && isClock(Number(hour), Number(minute), Number(second ?? 0));
}

function isTruth(value: JsonValue): boolean {
  if (typeof value === 'boolean') return true;
  return (typeof value === 'string' || typeof value === 'number') && truth.test(String(value));
}

type Check = (value: JsonValue) => boolean;

/** By type; types whose values are never wrong have none. */
const checks: Readonly<Partial<Record<ColumnType, Check>>> = {
  'text[]': (value) => Array.isArray(value),
  boolean: isTruth,
  integer: (value) => isWhole(value, 32),
  bigint: (value) => isWhole(value, 64),
  numeric: isNumeric,
  'double precision': isDouble,
  date: (value) => isMoment(value, 'date'),
  timestamptz: (value) => isMoment(value, 'timestamptz'),
  time: isTime,
};

/** Whether PostgreSQL can hold the value, which is not null, as one of the type. */
export function fits(type: ColumnType, value: JsonValue): boolean {
  return checks[type]?.(value) ?? true;
}

interface Checked {
  readonly name: string;
  readonly check: Check;
}

/** The columns whose values can be wrong, by resource. */
const checked = new WeakMap<Resource, readonly Checked[]>();

function checkedColumns(resource: Resource): readonly Checked[] {
  const known = checked.get(resource);
  if (known !== undefined) return known;
  const found = resource.columns.flatMap(({ name, type }) => {
    const check = checks[type];
    return check === undefined || name === resource.key ? [] : [{ name, check }];
  });
  checked.set(resource, found);
  return found;
}

/** The record with NULL for what is not of its column's type, which `unfit` names; the same object where all is well. */
export function withoutUnfit(resource: Resource, record: Rec): Rec {
  let unfit: string[] | undefined;
  for (const { name, check } of checkedColumns(resource)) {
    const value = record.values[name];
    if (value === undefined || value === null || check(value)) continue;
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
