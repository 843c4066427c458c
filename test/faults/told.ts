/** What a client was told of its statement, and what that promises. */
import pg from 'pg';

export type Told =
  /** Applied upstream and in the database. `keys` where the statement could return them. */
  | { readonly kind: 'success'; readonly keys: readonly string[] }
  /** Nothing was applied. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** UW001: these rows were applied, by their keys, and no others. */
  | { readonly kind: 'partial'; readonly keys: readonly string[] }
  /** 40003, with the journal entry that will tell. */
  | { readonly kind: 'unknown'; readonly mutation: string }
  /** The connection was lost. */
  | { readonly kind: 'lost' };

/** Runs a statement that returns its keys in the column `id`. */
export async function tell(client: pg.Client, sql: string, parameters: readonly unknown[]): Promise<Told> {
  try {
    const { rows } = await client.query<{ id: string }>(sql, [...parameters]);
    return { kind: 'success', keys: rows.map((row) => row.id) };
  } catch (error) {
    return toldBy(error);
  }
}

function toldBy(error: unknown): Told {
  // A session that ends tells nothing of the statement.
  if (!(error instanceof pg.DatabaseError) || error.severity !== 'ERROR') return { kind: 'lost' };
  // The rows are there, and their keys could not be told.
  if (error.routine === 'upwrite.returning_failed') return { kind: 'success', keys: [] };
  if (error.code === '40003') return { kind: 'unknown', mutation: / id = (\d+)$/.exec(error.hint ?? '')?.[1] ?? '' };
  if (error.code === 'UW001') {
    const applied = /^Applied and in the database: (.*?)\. Not applied/.exec(error.detail ?? '')?.[1] ?? '';
    return { kind: 'partial', keys: [...applied.matchAll(/\(([^)]+)\)/g)].map((match) => match[1] ?? '') };
  }
  return { kind: 'refused', code: error.code ?? '', message: error.message };
}
