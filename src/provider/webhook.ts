/**
 * Webhooks, as the contract has them. What an API posts is taken as a hint and never as data: a delivery is checked, turned
 * into keys, and the records are read again. Whether, and by whom, hooks are set up is data too.
 *
 * Who may call when: `receive` does no I/O and may be called at any time. A registrar's methods are called by one process
 * at a time for each connection.
 */
/** A delivery as it arrived. */
export interface HookRequest {
  readonly method: string;
  /** The address as the API was given it, with the query as it came: some APIs sign it. */
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** As it came: signatures are over these bytes. */
  readonly body: Buffer;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** A secret that deliveries may be signed with. */
export interface HookSecret {
  /** The API's id of the hook; empty while the API has not said it yet. */
  readonly hook: string;
  readonly secret: string;
}

/** A record that changed, appeared or went. */
export interface RecordNews {
  readonly kind: 'record';
  /** The resource's object. */
  readonly object: string;
  readonly key: string;
  /** Whether the API has the record now, as far as the delivery says. */
  readonly state?: 'present' | 'gone';
  /** What the resource's version column has at least, as the delivery says: an API may answer a read with less. */
  readonly version?: string;
}

/** What a delivery says: a record is to be read again, or a hook has payloads to be fetched by cursor. */
export type News = RecordNews | { readonly kind: 'payloads'; readonly hook: string };

export interface Delivery {
  /** The same for a replay, another for another delivery; as far as can be, made of what is signed. */
  readonly id: string;
  /** The API's id of the hook, where the delivery or the secret tells. */
  readonly hook?: string;
  /** Empty for a handshake, and for what is about no table. */
  readonly news: readonly News[];
}

/** A hook as the API has it. */
export interface RegisteredHook {
  readonly id: string;
  /** Whether the API delivers; not so once it has switched the hook off or let it run out. */
  readonly alive: boolean;
  /** When it ends unless it is renewed, in epoch milliseconds; null: never. */
  readonly expiresAt: number | null;
}

export interface NewHook extends RegisteredHook {
  readonly secret: string;
}

/** What to register: where to deliver, and news of which objects. */
export interface HookWish {
  readonly url: string;
  /** The API's names of them, as in `Resource.object`. */
  readonly objects: readonly string[];
  /** A secret of good randomness, for APIs that let it be chosen. */
  readonly secret: string;
}

/** A position in what a hook holds, made and read only by the provider. */
export type HookCursor = string | number;

/** A page of what happened since a hook's cursor. */
export interface HookPayloads {
  readonly news: readonly News[];
  readonly next: HookCursor;
  readonly more: boolean;
}

/** Sets hooks up through the API. Everything throws FaultErrors, as a session does. */
export interface HookRegistrar {
  /** Where hooks are needed for these objects, one in each: the account (an empty text), a base, a repository. */
  scopes(objects: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  /** What a hook would listen to. Where it differs from what one was registered with, it is replaced. Does no I/O. */
  wants(objects: readonly string[]): string;
  /** The scope's hooks that deliver to the address. */
  list(scope: string, url: string, signal: AbortSignal): Promise<readonly RegisteredHook[]>;
  create(scope: string, wish: HookWish, signal: AbortSignal): Promise<NewHook>;
  /** Prolongs a hook's life; its new end in epoch milliseconds. Absent where hooks do not end. */
  renew?(scope: string, hook: string, signal: AbortSignal): Promise<number>;
  /** One that is not there any more is no error. */
  remove(scope: string, hook: string, signal: AbortSignal): Promise<void>;
  /** What a hook has from a cursor on; null: from its beginning. Absent where deliveries say it themselves. */
  payloads?(scope: string, hook: string, since: HookCursor | null, signal: AbortSignal): Promise<HookPayloads>;
}

/** What a session can do with webhooks. */
export interface Webhooks {
  /** Absent: the API lets nobody register hooks with these credentials. */
  readonly registrar?: HookRegistrar;
  /** The configuration has the secret: the hook was set up by hand, and none is registered. */
  readonly hasSecret: boolean;
  /** What has to be done by hand where nothing is registered, as a sentence for the operator; `{url}` is the address. */
  readonly byHand: string;
  /** Milliseconds for which a delivery's id is kept: at least as long as its signature would be taken again. */
  readonly window: number;
  /** What an authentic delivery says; null where it is not authentic, or too old. Throws where it cannot be read. */
  receive(request: HookRequest, secrets: readonly HookSecret[]): Delivery | null;
}
