/**
 * Access tokens that all processes share: one renewal for all of them, stored encrypted before anybody uses it.
 *
 * A renewal, under a lock that only one process has:
 *
 *   1. read what is stored; another process may have renewed meanwhile, and then that is the token
 *   2. note, durably, that a renewal begins
 *   3. ask the API; it may make the refresh token useless by answering
 *   4. store the new token, which takes the note away
 *   5. use it
 *
 * A process that dies between 3 and 4 takes the answer with it. The note of step 2 stays: whoever comes next tries the old
 * refresh token, which is still good if the request never arrived, and says what happened where the API refuses it. A
 * process that lives and cannot store (the database is away) keeps the answer, and stores it before anything else.
 */
import { createHash } from 'node:crypto';
import { type Fault, FaultError, fault } from '../../errors/index.js';
import { CallFailure } from '../failure.js';
import { type Grant, isExpiring, type Renew, rotatedToken, type Token, type TokenKeeper } from './keeper.js';
import { Damaged, type KeyRing, UnknownKey } from './seal.js';

/** A token as it is stored. */
export interface SealedToken {
  readonly sealed: string;
  readonly keyId: string;
  /** Its refresh token is another than the configured one, which is used up. */
  readonly rotated: boolean;
  /** Milliseconds from now until it expires; null where the API does not say. */
  readonly expiresIn: number | null;
}

/** What is stored of one grant. */
export interface TokenState {
  readonly token: SealedToken | null;
  /** Grows with each token that is stored. */
  readonly generation: string;
  /** A renewal that began and is not known to have ended: when, and in which process. */
  readonly renewal: { readonly since: string; readonly by: string } | null;
}

/** The stored state of one grant, in the hands of the only process that may change it. */
export interface TokenSlot {
  read(): Promise<TokenState>;
  beginRenewal(): Promise<void>;
  /** The renewal certainly changed nothing. */
  cancelRenewal(): Promise<void>;
  save(token: SealedToken): Promise<void>;
}

/** Where tokens are stored. Throws whatever the database throws. */
export interface TokenShelf {
  /** Runs `work` while no other process has the same slot. */
  exclusive<T>(connection: string, grant: string, work: (slot: TokenSlot) => Promise<T>): Promise<T>;
}

export interface SharedTokenOptions {
  readonly provider: string;
  readonly connection: string;
  readonly grant: Grant;
  readonly shelf: TokenShelf;
  readonly keys: KeyRing;
  readonly now: () => number;
  /** Told of every secret that is read from the shelf. */
  readonly secret: (value: string) => void;
}

/** What `renew` threw, on its way through the shelf, whose own errors mean something else. */
class RenewalFailed extends Error {}

/** The name of a grant on the shelf; tells nothing of what it is made of. */
export function grantName({ identity }: Grant): string {
  return createHash('sha256')
    .update(`upwrite grant\0${JSON.stringify(identity)}`)
    .digest('base64url');
}

export class SharedTokenKeeper implements TokenKeeper {
  private readonly options: SharedTokenOptions;
  private readonly name: string;
  private token: Token | null = null;
  private pending: Promise<Token> | undefined;
  /** Renewed, and not stored: the only copy there is. */
  private unsaved: { readonly token: Token; readonly generation: string } | undefined;

  constructor(options: SharedTokenOptions) {
    this.options = options;
    this.name = grantName(options.grant);
  }

  async current(renew: Renew, refused?: Token): Promise<Token> {
    if (this.pending !== undefined) return this.pending;
    if (this.token !== null && this.isGood(this.token, refused)) return this.token;
    this.pending = this.obtain(renew, refused).finally(() => {
      this.pending = undefined;
    });
    return this.pending;
  }

  private isGood(token: Token, refused: Token | undefined): boolean {
    return token.value !== refused?.value && !isExpiring(token, this.options.now());
  }

  private async obtain(renew: Renew, refused: Token | undefined): Promise<Token> {
    const { shelf, connection } = this.options;
    try {
      this.token = await shelf.exclusive(connection, this.name, (slot) => this.underLock(slot, renew, refused));
      return this.token;
    } catch (error) {
      if (error instanceof RenewalFailed) throw error.cause;
      if (error instanceof FaultError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const words = `the database that keeps the access tokens cannot be used: ${reason}`;
      throw new CallFailure({ kind: 'network', fate: 'unsent', words, cause: error });
    }
  }

  private async underLock(slot: TokenSlot, renew: Renew, refused: Token | undefined): Promise<Token> {
    const state = await slot.read();
    const saved = await this.saveUnsaved(slot, state.generation);
    const stored = saved ?? this.open(state);
    if (stored !== null && this.isGood(stored, refused)) return stored;
    await slot.beginRenewal();
    const token = await this.renewal(slot, renew, stored, state);
    this.unsaved = { token, generation: state.generation };
    await slot.save(this.sealed(token));
    this.unsaved = undefined;
    return token;
  }

  /** Stores what an earlier renewal got and could not store, unless others have stored a newer one since. */
  private async saveUnsaved(slot: TokenSlot, generation: string): Promise<Token | undefined> {
    const { unsaved } = this;
    if (unsaved === undefined) return undefined;
    if (unsaved.generation === generation) await slot.save(this.sealed(unsaved.token));
    this.unsaved = undefined;
    return unsaved.generation === generation ? unsaved.token : undefined;
  }

  private async renewal(slot: TokenSlot, renew: Renew, last: Token | null, state: TokenState): Promise<Token> {
    try {
      return await renew(last);
    } catch (error) {
      // A refusal, and a request that did not arrive, leave the refresh token as it is: what is not known is whether an
      // earlier renewal did.
      const isHarmless = error instanceof FaultError || (error instanceof CallFailure && error.fate !== 'unknown');
      if (isHarmless && state.renewal === null) await slot.cancelRenewal().catch(() => undefined);
      throw new RenewalFailed('', { cause: error instanceof FaultError ? this.explained(error, state) : error });
    }
  }

  /** A refusal after a renewal that never ended has a likely cause, which the API does not tell. */
  private explained(error: FaultError, { renewal }: TokenState): FaultError {
    if (renewal === null || this.options.grant.rotates === 'never') return error;
    const { provider, connection } = this.options;
    const story =
      `A renewal that began at ${renewal.since} in ${renewal.by} never ended: ${provider} may have replaced the refresh ` +
      `token then, and the answer was lost. Authorize again and put the new refresh token into the configuration.`;
    const context = error.fault.context === undefined ? story : `${error.fault.context}\n${story}`;
    return new FaultError(fault('credentials_refused', { params: { provider, connection }, context }), {
      cause: error,
    });
  }

  /** What is sealed can be opened for this connection and this grant only. */
  private get purpose(): string {
    return `upwrite token\0${this.options.connection}\0${this.name}`;
  }

  private sealed(token: Token): SealedToken {
    const { keys, grant, now } = this.options;
    const { value, extra } = token;
    return {
      sealed: keys.seal(JSON.stringify({ value, ...(extra === undefined ? {} : { extra }) }), this.purpose),
      keyId: keys.keyId,
      rotated: rotatedToken(token, grant) !== undefined,
      expiresIn: token.expiresAt === undefined ? null : token.expiresAt - now(),
    };
  }

  /** The stored token; null where there is none, or none that matters: without a rotated refresh token it can be renewed. */
  private open({ token }: TokenState): Token | null {
    if (token === null) return null;
    const { keys, now, secret } = this.options;
    let plain: string;
    try {
      plain = keys.open(token.sealed, this.purpose);
    } catch (error) {
      if (!token.rotated) return null;
      throw new FaultError(this.unopened(error), { cause: error });
    }
    const read = parseToken(plain);
    secret(read.value);
    for (const value of Object.values(read.extra ?? {})) if (!value.startsWith('http')) secret(value);
    return token.expiresIn === null ? read : { ...read, expiresAt: now() + token.expiresIn };
  }

  private unopened(error: unknown): Fault {
    const { provider, connection, keys } = this.options;
    const authorize = 'authorize again and put the new refresh token into the configuration';
    const context =
      error instanceof UnknownKey
        ? `The stored refresh token was encrypted under the key ${error.keyId}, and UPWRITE_ENCRYPTION_KEY holds another ` +
          `(${keys.keyId}): add the old key behind the new one, with a comma between them, or ${authorize}.`
        : `The stored refresh token was changed in the database, or belongs to another connection: ${authorize}.`;
    return fault('credentials_refused', { params: { provider, connection }, context });
  }
}

function parseToken(text: string): Token {
  const parsed: unknown = JSON.parse(text);
  const value: unknown = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'value') : undefined;
  if (typeof parsed !== 'object' || parsed === null || typeof value !== 'string') throw new Damaged();
  const extra: unknown = Reflect.get(parsed, 'extra');
  if (typeof extra !== 'object' || extra === null) return { value };
  const pairs = Object.entries(extra).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return { value, extra: Object.fromEntries(pairs) };
}
