/** What a job's payload says: it comes from the database, where any version of Upwrite may have written it. */

/** A member that is a number; 0 where it is none. */
export function numberIn(payload: unknown, member: string): number {
  const value = read(payload, member);
  return typeof value === 'number' ? value : 0;
}

/** A member that is a text; empty where it is none. */
export function textIn(payload: unknown, member: string): string {
  const value = read(payload, member);
  return typeof value === 'string' ? value : '';
}

function read(payload: unknown, member: string): unknown {
  return typeof payload === 'object' && payload !== null ? Reflect.get(payload, member) : undefined;
}
