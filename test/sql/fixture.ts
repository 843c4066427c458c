/**
 * Statements as clients write them, over the tables of `schema`. `is` is what each is for Upwrite, written by hand:
 * a mutation's verb and target, another kind's name with what matters of it.
 */
export interface Fixture {
  readonly by: string;
  readonly sql: string;
  readonly is: readonly string[];
  /** The major version of PostgreSQL that brought its syntax. */
  readonly since?: number;
}

export function one(by: string, is: string, sql: string, options: Pick<Fixture, 'since'> = {}): Fixture {
  return { by, sql, is: [is], ...options };
}
