/**
 * Access tokens of a connection: renewed once, however many requests find them missing or refused. The keeper here serves
 * one process; `shared.ts` has the one that all processes share through the database.
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

/** How a connection comes by its access tokens, as data. */
export interface Grant {
  /**
   * What the configuration authorises by: the refresh token, the client, the App. Another identity is another grant, whose
   * tokens have nothing to do with the ones kept before. A hash of it is stored, so that a part of it is either public or
   * too random to be guessed.
   */
  readonly identity: readonly string[];
  /**
   * Whether a renewal replaces the refresh token, which then is good for nothing: `always`, `perhaps` where the API's
   * administrator decides, `never` where there is none or it stays.
   */
  readonly rotates: 'always' | 'perhaps' | 'never';
}

/** The refresh token that came with a token, where it is another than the configured one. */
export function rotatedToken(token: Token, grant: Grant): string | undefined {
  const refresh = token.extra?.['refresh_token'];
  return refresh === undefined || grant.identity.includes(refresh) ? undefined : refresh;
}

/** A token is renewed this long before it expires. */
const leadMillis = 60_000;

/** Whether a token is about to expire, at `now`. */
export function isExpiring(token: Token, now: number): boolean {
  return token.expiresAt !== undefined && token.expiresAt - leadMillis <= now;
}

/** A token keeper within one process. */
export class LocalTokenKeeper implements TokenKeeper {
  private readonly now: () => number;
  private readonly onRenewed: (token: Token) => void;
  private token: Token | null = null;
  private renewal: Promise<Token> | undefined;

  constructor(now: () => number, onRenewed: (token: Token) => void = () => undefined) {
    this.now = now;
    this.onRenewed = onRenewed;
  }

  async current(renew: Renew, refused?: Token): Promise<Token> {
    if (this.renewal !== undefined) return this.renewal;
    const { token } = this;
    if (token !== null && token.value !== refused?.value && !isExpiring(token, this.now())) return token;
    this.renewal = renew(token).then(
      (renewed) => {
        this.token = renewed;
        this.renewal = undefined;
        this.onRenewed(renewed);
        return renewed;
      },
      (error: unknown) => {
        this.renewal = undefined;
        throw error;
      },
    );
    return this.renewal;
  }
}
