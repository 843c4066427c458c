/**
 * What a table is made of. Stripe has no description of its objects that an API key could read: the tables are declared,
 * from the API reference and the SDK's types of the pinned version.
 */
import type { Column, ColumnType, Verb } from '../../../src/provider/index.js';

/** The members of an object that may be written; `true` for a plain one. */
export type Members = { readonly [name: string]: true | Members };

/**
 * How a jsonb column's value becomes parameters. `plain`: as it is. `metadata`: Stripe merges what it is sent, so that
 * keys that an assignment drops are sent with an empty value. `hash`: likewise, member by member. `items`: a
 * subscription's items, told apart by id. `discounts`: ids of discounts, or objects naming a coupon.
 */
export type Writing = 'plain' | 'metadata' | 'hash' | 'items' | 'discounts';

export interface Field extends Column {
  /** The request's parameter: `email`, `pricing[price]`. */
  readonly param: string;
  readonly writing: Writing;
  readonly members?: Members;
}

/** A change of `status` that is a request of its own. */
export interface Transition {
  readonly method: 'POST' | 'DELETE';
  /** Behind the record's address. */
  readonly suffix: string;
  /** Fields that go along with it, and with nothing else. */
  readonly with?: readonly string[];
}

export interface Table {
  readonly name: string;
  /** Stripe's own name of the object. */
  readonly object: string;
  /** Behind `/v1/`. */
  readonly path: string;
  readonly comment: string;
  readonly fields: readonly Field[];
  readonly verbs: readonly Verb[];
  /** Members that Stripe leaves out unless asked for. */
  readonly expand?: readonly string[];
  /** Further parameters of a list. */
  readonly listing?: Readonly<Record<string, string>>;
  /** Whether a list can be bounded by the time of creation. */
  readonly hasCreated?: boolean;
  /** Types of events that tell of a change; at most 20. */
  readonly events: readonly string[];
  /** Those of them that tell that a request made a record; empty where none does. */
  readonly createdEvents: readonly string[];
  readonly transitions?: Readonly<Record<string, Transition>>;
  /** An insert attaches an object that is there already, to a customer; a delete detaches it. */
  readonly attaches?: boolean;
}

type Access = '' | 'i' | 'u' | 'iu' | 'ir' | 'iur';

interface Options {
  /** Dotted path in the object; the column's name unless given. */
  readonly field?: string;
  readonly param?: string;
  readonly writing?: Writing;
  readonly members?: Members;
  readonly nullable?: boolean;
  readonly maxLength?: number;
  readonly choices?: readonly string[];
  readonly references?: readonly string[];
  readonly comment?: string;
}

/** A column: `i` insertable, `u` updatable, `r` required by an insert. */
export function col(name: string, type: ColumnType, access: Access, options: Options = {}): Field {
  const { field = name, param = field, writing = 'plain', nullable = true, ...rest } = options;
  return {
    name,
    field,
    param,
    writing,
    type,
    nullable,
    insertable: access.includes('i'),
    updatable: access.includes('u'),
    ...(access.includes('r') ? { required: true } : {}),
    ...rest,
  };
}

export const id: Field = col('id', 'text', '', { nullable: false });
/** An id that an insert may choose. */
export const ownId: Field = col('id', 'text', 'i', { nullable: false, maxLength: 255 });
export const created: Field = col('created', 'timestamptz', '', { nullable: false });
export const livemode: Field = col('livemode', 'boolean', '', { nullable: false });

/** An id of another object. */
export function ref(name: string, access: Access, object: string, options: Options = {}): Field {
  return col(name, 'text', access, { references: [object], ...options });
}

/** An amount in the currency's smallest unit. */
export function amount(name: string, access: Access = '', options: Options = {}): Field {
  return col(name, 'bigint', access, { comment: "In the currency's smallest unit", ...options });
}

export const metadata: Field = col('metadata', 'jsonb', 'iu', {
  writing: 'metadata',
  nullable: false,
  comment: 'Up to 50 keys; an assignment replaces all of them',
});

/** An object of named members. */
export function hash(name: string, access: Access, members: Members, options: Options = {}): Field {
  return col(name, 'jsonb', access, { writing: 'hash', members, ...options });
}

export const address: Members = { city: true, country: true, line1: true, line2: true, postal_code: true, state: true };
export const recipient: Members = { address, name: true, phone: true };
export const shipping: Members = { ...recipient, carrier: true, tracking_number: true };

export const discounts: Field = col('discounts', 'jsonb', 'iu', {
  writing: 'discounts',
  comment: 'Ids of discounts; to be set to [{"coupon": "…"}] or [{"promotion_code": "…"}]',
});
