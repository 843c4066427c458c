/** The declared tables held to the types that Stripe generates from its own description of the API. */
import { describe, expect, it } from 'vitest';
import { type Members as Declared, type Field, type Table, tables } from '../../../providers/stripe/tables/index.js';
import { type Member, type Members, SdkTypes, type Shape } from './sdk-types.js';

/** Where the types of a table's object are, by the table's name. */
const types: Readonly<Record<string, string>> = {
  customers: 'Customer',
  products: 'Product',
  prices: 'Price',
  coupons: 'Coupon',
  subscriptions: 'Subscription',
  invoices: 'Invoice',
  invoice_items: 'InvoiceItem',
  payment_intents: 'PaymentIntent',
  charges: 'Charge',
  refunds: 'Refund',
  payment_methods: 'PaymentMethod',
};

const list = 'a list of other objects, which has requests of its own';
const secret = 'whoever has it can act for the customer';

/** Members of Stripe's objects that are no column, and why. */
const withoutColumn: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  customers: {
    cash_balance: 'an object of its own, which is asked for by its own request',
    invoice_credit_balance: 'left out by Stripe unless it is expanded',
    sources: list,
    subscriptions: list,
    tax: 'left out by Stripe unless it is expanded',
    tax_ids: list,
  },
  invoices: { confirmation_secret: secret, payments: list },
  payment_intents: { client_secret: secret, next_action: secret },
  charges: { refunds: list },
};

/** Columns that may not be set although there is a parameter of that name, or may be although there is none. */
const otherAccess: Readonly<Record<string, string>> = {
  'subscriptions.current_period_start insert': 'of the first item',
  'subscriptions.current_period_end insert': 'of the first item',
  'subscriptions.current_period_start update': 'of the first item',
  'subscriptions.current_period_end update': 'of the first item',
  'charges.application_fee insert': 'an older name of application_fee_amount',
  'subscriptions.status update': 'requests of their own cancel',
  'subscriptions.billing_cycle_anchor update': 'takes now and unchanged, and no time',
  'invoices.status update': 'requests of their own finalize, void and give up',
  'payment_intents.status update': 'a request of its own cancels',
  'payment_intents.cancellation_reason update': 'goes along with the request that cancels',
  'refunds.currency insert': 'with origin only, which is no member of a refund',
  'refunds.customer insert': 'with origin only, which is no member of a refund',
};

/** An insert attaches a method that there is already: of the request that makes one nothing is used. */
const attaching = new Set(['payment_methods']);

/** v2 accounts, which the API takes in place of a customer. */
const notWritten = new Set(['customer_account']);

const shapes: Readonly<Record<Field['type'], readonly Shape[]>> = {
  text: ['text'],
  bigint: ['number'],
  integer: ['number'],
  numeric: ['number', 'decimal'],
  timestamptz: ['number'],
  boolean: ['boolean'],
  'text[]': ['texts'],
  jsonb: ['object'],
  date: [],
  time: [],
  bytea: [],
  'double precision': [],
};

/** Shapes that a column does not have as they come, and why. */
const otherShapes: Readonly<Record<string, string>> = {
  'subscriptions.discounts': 'set to objects, shown as ids',
  'invoices.discounts': 'set to objects, shown as ids',
  'invoice_items.discounts': 'set to objects, shown as ids',
  'charges.source': 'shown as its id',
};

function sdkOf(table: Table): { readonly name: string; readonly sdk: SdkTypes } {
  const name = types[table.name] ?? '';
  return { name, sdk: new SdkTypes(`${name}s`) };
}

/** The first part of a path or of a parameter's name. */
function first(path: string): string {
  return path.split(/[.[]/)[0] ?? '';
}

/** What a payment method has by its own type is in one column, whatever the type. */
function inDetails(table: Table, object: Members, member: string): boolean {
  return table.fields.some(({ field }) => field === ':type') && object.get('type')?.choices.includes(member) === true;
}

function differing(table: Table, verb: 'insert' | 'update', params: Members): readonly string[] {
  const isVerb = (field: Field) => (verb === 'insert' ? field.insertable : field.updatable);
  return table.fields
    .filter((field) => isVerb(field) !== params.has(first(field.param)) && !notWritten.has(field.name))
    .map(({ name }) => `${table.name}.${name} ${verb}`)
    .filter((name) => otherAccess[name] === undefined);
}

/** Members that a request takes and the object does not show. */
const onlyAsked = new Set(['amount_details.enforce_arithmetic_validation']);

/** Paths of members that may be written by a declaration and not by the types, or the other way around. */
function differingMembers(declared: Declared, known: Members, within: string): readonly string[] {
  const names = new Set([...Object.keys(declared), ...known.keys()]);
  return [...names].flatMap((name) => {
    const [own, other] = [declared[name], known.get(name)];
    if (own === undefined || other === undefined) return [`${within}.${name}`];
    return own === true ? [] : differingMembers(own, other.members, `${within}.${name}`);
  });
}

describe.each(tables.map((table) => [table.name, table] as const))('%s', (_, table) => {
  const { name, sdk } = sdkOf(table);
  const object = sdk.members(name);
  const plain = table.fields.filter((field) => field.field === field.name && object.has(field.name));

  it('has a column for each member of the object, or a reason for having none', () => {
    expect(object.size).toBeGreaterThan(10);
    const held = new Set(table.fields.map(({ field }) => first(field)));
    const reasons = withoutColumn[table.name] ?? {};
    const missing = [...object.keys()].filter((member) => {
      if (member === 'object' || member === 'deleted' || held.has(member)) return false;
      return reasons[member] === undefined && !inDetails(table, object, member);
    });
    expect(missing).toEqual([]);
    expect(Object.keys(reasons).filter((member) => held.has(member) || !object.has(member))).toEqual([]);
    const unknown = table.fields.filter(({ field }) => !field.startsWith(':') && !object.has(first(field)));
    expect(unknown.map((field) => field.name)).toEqual([]);
  });

  it('lets be made, changed and deleted what the API does', () => {
    const verbs = new Set<string>(table.verbs);
    const deletes = table.attaches === true ? sdk.methods.has('detach') : sdk.methods.has('del');
    expect([verbs.has('insert'), verbs.has('update'), verbs.has('delete')]).toEqual([
      sdk.methods.has('create'),
      sdk.methods.has('update'),
      deletes,
    ]);
    if (!attaching.has(table.name)) {
      expect(differing(table, 'insert', sdk.members(`${name}CreateParams`))).toEqual([]);
    }
    expect(differing(table, 'update', sdk.members(`${name}UpdateParams`))).toEqual([]);
  });

  it('has the types of the members', () => {
    const wrong = plain.filter((field) => {
      const member = object.get(field.name);
      const isOther = otherShapes[`${table.name}.${field.name}`] !== undefined;
      return member !== undefined && !isOther && !shapes[field.type].includes(member.shape);
    });
    expect(wrong.map((field) => `${field.name} ${field.type}`)).toEqual([]);
  });

  it('promises no value where the API may have none', () => {
    const promised = plain.filter(({ nullable }) => !nullable);
    const broken = promised.filter(({ name: column, type }) => {
      const member: Member | undefined = object.get(column);
      // Metadata that there is none of is an empty object or null.
      return member?.optional === true || (member?.nullable === true && type !== 'jsonb');
    });
    expect(broken.map((field) => field.name)).toEqual([]);
  });

  it('knows the values that are listed', () => {
    for (const field of plain) {
      const choices = object.get(field.name)?.choices ?? [];
      if (field.choices !== undefined)
        expect([field.name, ...field.choices].sort()).toEqual([field.name, ...choices].sort());
    }
  });

  it('knows the members that can be changed of what is set by members', () => {
    const params = sdk.members(`${name}UpdateParams`);
    const wrong = table.fields.flatMap((field) =>
      field.members === undefined || !field.updatable
        ? []
        : differingMembers(field.members, params.get(first(field.param))?.members ?? new Map(), field.name),
    );
    expect(wrong.filter((path) => !onlyAsked.has(path))).toEqual([]);
  });
});

it('asks for events that there are', () => {
  const known = new Set(new SdkTypes('WebhookEndpoints').choices('WebhookEndpointCreateParams.EnabledEvent'));
  expect(known.size).toBeGreaterThan(200);
  const asked = tables.flatMap(({ events, createdEvents }) => [...events, ...createdEvents]);
  expect(asked.filter((type) => !known.has(type))).toEqual([]);
  for (const { name, events } of tables) expect([name, events.length <= 20]).toEqual([name, true]);
});
