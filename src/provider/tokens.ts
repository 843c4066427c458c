/**
 * Access tokens of a connection: renewed once, however many requests find them missing or refused. This implementation
 * serves one process; one that stores rotated tokens encrypted, and takes a row lock around the renewal, satisfies the
 * same interface.
 */

export interface Token {
  readonly value: string;
  /** Epoch milliseconds; absent where the API does not say. */
  readonly expiresAt?: number;
  /** What came with it: a rotated refresh token, the host to talk to. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** Fetches a new token; `last` is the one before, which may hold a rotated refresh token. */
export type Renew = (last: Token | null) => Promise<Token>;

export interface TokenKeeper {
  /**
   * The token to use now. `renew` runs when there is none, when it is about to expire, or when it is the `refused` one;
   * callers that arrive meanwhile wait for that same renewal. A failed renewal fails all of them and is not kept.
   */
  current(renew: Renew, refused?: Token): Promise<Token>;
}

/** A token is renewed this long before it expires. */
const leadMillis = 60_000;

/** A token keeper within one process. */
export class LocalTokenKeeper implements TokenKeeper {
  private readonly now: () => number;
  private token: Token | null = null;
  private renewal: Promise<Token> | undefined;

  constructor(now: () => number) {
    this.now = now;
  }

  async current(renew: Renew, refused?: Token): Promise<Token> {
    if (this.renewal !== undefined) return this.renewal;
    const { token } = this;
    if (token !== null && token.value !== refused?.value && !this.isExpiring(token)) return token;
    this.renewal = renew(token).then(
      (renewed) => {
        this.token = renewed;
        this.renewal = undefined;
        return renewed;
      },
      (error: unknown) => {
        this.renewal = undefined;
        throw error;
      },
    );
    return this.renewal;
  }

  private isExpiring(token: Token): boolean {
    return token.expiresAt !== undefined && token.expiresAt - leadMillis <= this.now();
  }
}
