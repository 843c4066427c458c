/**
 * What all processes know of one limit of an API, and the only way in which it changes.
 *
 * The limit is a number of permits. A permit lets one request go, and can be used again only when the API no longer counts
 * that request. Every permit is at any time in one place: free, with the time from which it can be used, or held by one
 * process, which uses it over and over without asking anybody. So all processes together never pass the limit, and a
 * process that has the permits it needs asks for nothing.
 *
 * A process that lacks permits says how many it wants. Holders hear of it and give back what they can spare:
 * - for a write of another process, everything that their own writes do not need;
 * - for another's sync, what they have not used lately and do not need;
 * - where several want the same, everybody goes down to an equal share.
 *
 * Everything here is pure. Times are milliseconds of one clock, the database's.
 */

/** Permits wanted, by who waits for them: clients' writes go before the sync. */
export interface Wants {
  readonly write: number;
  readonly sync: number;
}

interface Wanted extends Wants {
  /** A process that wants something says so again before this. */
  readonly until: number;
  /** When the others were last told. */
  readonly told: number;
}

export interface Quota {
  readonly limit: number;
  readonly used: number;
}

export interface BoardState {
  readonly size: number;
  /** When each free permit can be used, ascending. */
  readonly free: readonly number[];
  readonly held: Readonly<Record<string, number>>;
  readonly wants: Readonly<Record<string, Wanted>>;
  /** Nothing may be sent before. */
  readonly closedUntil: number;
  /** What the API said of it last, and when. */
  readonly quota: (Quota & { readonly at: number }) | null;
}

/** What a process says and asks. Durations are from now on. */
export interface Ask {
  readonly holder: string;
  /** Permits of the limit, as this process's configuration has it: the last word counts. */
  readonly size: number;
  /** How long the API counts a request, in milliseconds. */
  readonly windowMillis: number;
  /** Permits that the process has, those under way included. */
  readonly holds: number;
  /** Of these, the ones that it could give back now: in how many milliseconds each can be used, ascending. */
  readonly spare: readonly number[];
  /** Waiting requests, whether or not permits are there for them. */
  readonly waiting: Wants;
  /** Permits that are missing for them. */
  readonly missing: Wants;
  /** Requests of the last second: so many permits are kept although the sync of others could use them. */
  readonly recent: number;
  /**
   * Permits that it got and has not used yet: those it uses once before it gives them back, so that a permit that the API
   * still counts does not go from hand to hand until it is of use to nobody.
   */
  readonly fresh: number;
  /** The process ends, and gives back whatever it can. */
  readonly isLeaving?: boolean;
  readonly closedFor?: number;
  readonly quota?: Quota;
}

export interface Answer {
  /** In how many milliseconds each new permit can be used. */
  readonly granted: readonly number[];
  /** How many of `spare` were taken, from the front. */
  readonly given: number;
  /** Permits that others took for lost: the process holds so many fewer than it said. */
  readonly lost: number;
  /** What others want and neither have nor could have. */
  readonly others: Wants;
  /** Milliseconds until the API may be asked again; 0 where it may now. */
  readonly closedFor: number;
  readonly quota: (Quota & { readonly age: number }) | null;
  /** Whether the other processes have to look. */
  readonly tell: boolean;
}

/** How long a want counts, unless it is said again, and how often the others are told of it. */
const wantMillis = 2500;
const tellMillis = 1000;
/** A process that needs one permit gets this share of all along, where nobody else wants any. */
const blockShare = 1 / 8;

/** All permits free at `at`: for a limit that nobody has used yet, or of which nothing is known any more. */
export function freshBoard(size: number, at: number): BoardState {
  return { size, free: Array.from({ length: size }, () => at), held: {}, wants: {}, closedUntil: 0, quota: null };
}

function isRecordOf(value: unknown, check: (entry: unknown) => boolean): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(check);
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** Whether a stored value is a state, of this version. */
export function isBoardState(value: unknown): value is BoardState {
  if (typeof value !== 'object' || value === null) return false;
  const { size, free, held, wants, closedUntil, quota } = Object.assign(Object.create(null), value);
  return (
    isNumber(size) &&
    Array.isArray(free) &&
    free.every(isNumber) &&
    isRecordOf(held, isNumber) &&
    isRecordOf(wants, (entry) => isRecordOf(entry, isNumber)) &&
    isNumber(closedUntil) &&
    (quota === null || isRecordOf(quota, isNumber))
  );
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function without<T>(record: Readonly<Record<string, T>>, gone: (name: string, entry: T) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name, entry]) => !gone(name, entry)));
}

/** The state without processes that are dead, whose permits may have been used until just now, and of the right size. */
function tidied(state: BoardState, ask: Ask, now: number, alive: ReadonlySet<string>) {
  const isDead = (holder: string): boolean => holder !== ask.holder && !alive.has(holder);
  const held = without(state.held, isDead);
  const recovered = sum(Object.values(state.held)) - sum(Object.values(held));
  const mine = held[ask.holder] ?? 0;
  // Granted or given in an exchange whose end this process never learned.
  const forgotten = Math.max(0, mine - ask.holds);
  const later = now + ask.windowMillis;
  const free = [...state.free, ...Array.from({ length: recovered + forgotten }, () => later)].sort((a, b) => a - b);
  held[ask.holder] = mine - forgotten;
  const missing = ask.size - free.length - sum(Object.values(held));
  // Of a larger limit the new part may be used at once; of a smaller one the rest goes as it comes back.
  if (missing > 0) free.unshift(...Array.from({ length: missing }, () => now));
  else free.splice(Math.max(0, free.length + missing));
  const wants = without(state.wants, (holder, { until }) => isDead(holder) || until <= now || holder === ask.holder);
  return { held, free, wants, lost: Math.max(0, ask.holds - mine) };
}

/**
 * An equal share of all permits for each of `count`, rounded up, so that an odd permit does not wander for ever; none for
 * certain where there are more of them than permits.
 */
function shareOf(size: number, count: number): number {
  return count > size ? 0 : Math.ceil(size / Math.max(1, count));
}

/** How many of its spare permits a process gives back. */
function giving(ask: Ask, holds: number, free: number, wanted: Record<string, Wanted>): number {
  const others = Object.values(wanted);
  const busy = holds - ask.spare.length;
  const spareBeyond = (keep: number): number => Math.max(0, Math.min(ask.spare.length, ask.spare.length + busy - keep));
  const forLane = (unmet: number, rivals: number, own: number, atLeast: number): number => {
    if (unmet <= 0) return 0;
    const share = shareOf(ask.size, rivals + (own > 0 ? 1 : 0));
    return Math.min(unmet, spareBeyond(Math.max(Math.min(Math.max(own, atLeast), share), Math.min(own, ask.fresh))));
  };
  const writes = sum(others.map(({ write }) => write));
  const syncs = sum(others.map(({ sync }) => sync));
  const rivalWriters = others.filter(({ write }) => write > 0).length;
  const forWrites = forLane(writes - free, rivalWriters, ask.waiting.write, 0);
  const own = ask.waiting.write + ask.waiting.sync;
  const forSyncs = forLane(syncs + writes - free, others.length, own, ask.recent);
  return Math.max(forWrites, forSyncs);
}

/** How many free permits a process gets: first for its writes, then for its sync, then some in advance. */
function granting(ask: Ask, holds: number, free: number, wanted: Record<string, Wanted>): number {
  const others = Object.values(wanted);
  const writes = sum(others.map(({ write }) => write));
  const syncs = sum(others.map(({ sync }) => sync));
  const allowed = (available: number, unmet: number, rivals: number, has: number): number => {
    if (unmet === 0) return available;
    return Math.max(available - unmet, Math.min(available, Math.max(1, shareOf(ask.size, rivals + 1)) - has), 0);
  };
  const rivalWriters = others.filter(({ write }) => write > 0).length;
  const forWrites = Math.min(ask.missing.write, allowed(free, writes, rivalWriters, holds));
  const left = Math.max(0, free - forWrites - writes);
  const forSyncs = Math.min(ask.missing.sync, allowed(left, syncs, others.length, holds + forWrites));
  const needed = forWrites + forSyncs;
  if (needed === 0 || writes + syncs > 0) return needed;
  return Math.min(free, needed + Math.ceil(ask.size * blockShare));
}

/** What a process gives, gets and learns, and the state afterwards. */
export function exchange(
  before: BoardState,
  ask: Ask,
  now: number,
  alive: ReadonlySet<string>,
): { readonly state: BoardState; readonly answer: Answer } {
  const { held, free, wants, lost } = tidied(before, ask, now, alive);
  const holds = held[ask.holder] ?? 0;
  const excess = Math.max(0, sum(Object.values(held)) + free.length - ask.size);
  const given = Math.min(
    ask.spare.length,
    Math.max(0, holds),
    ask.isLeaving === true ? ask.spare.length : Math.max(giving(ask, holds, free.length, wants), excess),
  );
  const returned = ask.spare.slice(0, given).map((millis) => now + Math.max(0, millis));
  const all = [...free, ...returned].sort((a, b) => a - b).slice(0, Math.max(0, free.length + given - excess));
  // Whoever gives because others want gets nothing of it back.
  const count = given > 0 ? 0 : granting(ask, holds, all.length, wants);
  const granted = all.splice(0, count);
  held[ask.holder] = holds - given + granted.length;
  if (held[ask.holder] === 0) delete held[ask.holder];

  const missing = remaining(ask.missing, granted.length);
  const isWanting = missing.write + missing.sync > 0;
  const last = before.wants[ask.holder];
  const isNews = isWanting && (last === undefined || last.told + tellMillis <= now || missing.write > last.write);
  const others = Object.values(wants);
  const closedUntil = Math.max(before.closedUntil, now + (ask.closedFor ?? 0));
  const isClosing = ask.closedFor !== undefined && closedUntil > before.closedUntil;
  const quota = ask.quota === undefined ? before.quota : { ...ask.quota, at: now };
  const state: BoardState = {
    size: ask.size,
    free: all,
    held,
    wants: isWanting
      ? { ...wants, [ask.holder]: { ...missing, until: now + wantMillis, told: isNews ? now : (last?.told ?? now) } }
      : wants,
    closedUntil: closedUntil <= now ? 0 : closedUntil,
    quota,
  };
  const writes = sum(others.map(({ write }) => write));
  const syncs = sum(others.map(({ sync }) => sync));
  const unmet = {
    write: Math.max(0, writes - all.length),
    sync: Math.max(0, syncs - Math.max(0, all.length - writes)),
  };
  return {
    state,
    answer: {
      granted: granted.map((at) => Math.max(0, at - now)),
      given,
      lost,
      others: unmet,
      closedFor: Math.max(0, closedUntil - now),
      quota: quota === null ? null : { limit: quota.limit, used: quota.used, age: Math.max(0, now - quota.at) },
      tell: isNews || (given > 0 && writes + syncs > 0) || isClosing || ask.quota !== undefined,
    },
  };
}

function remaining(missing: Wants, granted: number): Wants {
  const write = Math.max(0, missing.write - granted);
  return { write, sync: Math.max(0, missing.sync - Math.max(0, granted - missing.write)) };
}
