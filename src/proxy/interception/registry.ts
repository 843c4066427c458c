/** The prepared statements and portals of a session that Upwrite deals with itself. All others are unknown here. */
import type { Deallocate, Prepare } from '../../sql/index.js';
import type { BindMessage } from '../../wire/index.js';
import type { Begin, Work } from './work.js';

export interface KnownStatement {
  readonly name: string;
  /** A DEALLOCATE, which takes effect whenever it is executed, is followed too. */
  readonly work: Work | Begin | Deallocate;
  /** A copy of the text that its spans point into. */
  readonly text: Buffer;
  /** As the client's Parse declared them; the database may know more. */
  readonly declaredTypes: readonly number[];
}

/** The statement that a PREPARE in `text` makes. */
export function preparedStatement(prepare: Prepare, text: Buffer): KnownStatement {
  return { name: prepare.name, work: prepare.mutation, text, declaredTypes: [] };
}

/** What is left to hand out of a portal that has run. */
export interface PortalResult {
  readonly rows: readonly Buffer[];
  handedOut: number;
  readonly tag: string;
  /** It has a RETURNING list: its rows can be fetched in parts, and its end be asked for again. */
  readonly returning: boolean;
  /** It has been executed to its end. */
  ended: boolean;
}

export interface KnownPortal {
  readonly statement: KnownStatement;
  readonly bind: BindMessage;
  result: PortalResult | null;
}

/** More entries than this in one session, and further ones are not followed: the guard stands behind them. */
const maxEntries = 10_000;

export class Registry {
  readonly #statements = new Map<string, KnownStatement>();
  readonly #portals = new Map<string, KnownPortal>();
  /**
   * Statements that matter only beside others: BEGIN behind a write of the same pipeline, DEALLOCATE of what is known
   * here. A session that has nothing else is not followed because of them.
   */
  readonly #asides = new Map<string, KnownStatement>();

  get empty(): boolean {
    return this.#statements.size === 0 && this.#portals.size === 0;
  }

  /** Nothing at all is known. */
  get blank(): boolean {
    return this.empty && this.#asides.size === 0;
  }

  statement(name: string): KnownStatement | undefined {
    return this.#statements.get(name);
  }

  portal(name: string): KnownPortal | undefined {
    return this.#portals.get(name);
  }

  /**
   * A Parse or PREPARE: the name now means this statement, or (null) something else. A name that is taken cannot be
   * replaced, unless it was freed in a way that nobody here has seen; then only the database knows what it means, and the
   * guard stands behind it.
   */
  parsed(name: string, parsed: KnownStatement | null): void {
    const isAside = parsed !== null && (parsed.work.kind === 'begin' || parsed.work.kind === 'deallocate');
    this.#asides.delete(name);
    if (isAside && this.#asides.size < maxEntries) this.#asides.set(name, parsed);
    const statement = isAside ? null : parsed;
    const known = name === '' ? undefined : this.#statements.get(name);
    if (known !== undefined) {
      if (statement === null || !known.text.equals(statement.text)) this.#statements.delete(name);
      return;
    }
    if (statement === null) this.#statements.delete(name);
    else if (this.#statements.size < maxEntries) this.#statements.set(name, statement);
  }

  bound(bind: BindMessage): void {
    const statement = this.#statements.get(bind.statement) ?? this.#asides.get(bind.statement);
    if (statement === undefined || this.#portals.size >= maxEntries) this.#portals.delete(bind.portal);
    else this.#portals.set(bind.portal, { statement, bind: copied(bind), result: null });
  }

  closedStatement(name: string): void {
    this.#statements.delete(name);
    this.#asides.delete(name);
  }

  closedPortal(name: string): void {
    this.#portals.delete(name);
  }

  /** A simple Query drops the unnamed statement and portal. */
  simpleQuery(): void {
    this.closedStatement('');
    this.#portals.delete('');
  }

  /** DEALLOCATE, also of all (null), and DISCARD ALL. */
  deallocated(name: string | null): void {
    if (name === null) {
      this.#statements.clear();
      this.#asides.clear();
    } else {
      this.closedStatement(name);
    }
  }

  /** Portals end with their transaction. */
  transactionEnded(): void {
    if (this.#portals.size > 0) this.#portals.clear();
  }
}

/** The chunk that a Bind came in is not kept alive by its portal. */
function copied(bind: BindMessage): BindMessage {
  return { ...bind, parameters: Buffer.from(bind.parameters) };
}
