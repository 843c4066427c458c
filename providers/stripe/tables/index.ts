/** Every table, by its object. */
import { coupons, prices, products } from './catalogue.js';
import { customers } from './customers.js';
import { invoiceItems, invoices } from './invoices.js';
import { charges, paymentIntents, paymentMethods, refunds } from './payments.js';
import { subscriptions } from './subscriptions.js';
import type { Field, Table } from './table.js';

export type { Field, Members, Table, Transition, Writing } from './table.js';

export const tables: readonly Table[] = [
  customers,
  products,
  prices,
  coupons,
  subscriptions,
  invoices,
  invoiceItems,
  paymentIntents,
  charges,
  refunds,
  paymentMethods,
];

const byObject = new Map(tables.map((table) => [table.object, table]));
const fields = new Map(
  tables.map((table) => [table.object, new Map(table.fields.map((field) => [field.field, field]))] as const),
);

/** The declaration behind a resource. Throws an Error for an object that Stripe does not have. */
export function tableOf(object: string): Table {
  const table = byObject.get(object);
  if (table === undefined) throw new Error(`there is no table of ${object}`);
  return table;
}

/** The declaration of a column by Stripe's name of its field. */
export function fieldOf(object: string, field: string): Field | undefined {
  return fields.get(object)?.get(field);
}
