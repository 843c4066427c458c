/** RowDescription messages: cutting off columns in front, and telling whether two describe the same rows. */
import { Back, frame } from '../../wire/index.js';

export interface Field {
  readonly name: string;
  readonly type: number;
  readonly modifier: number;
  /** Its bytes in the message. */
  readonly start: number;
  readonly end: number;
}

/** Bytes behind a field's name: table, column, type, length, modifier, format. */
const fixedPart = 18;

/** The columns that a RowDescription names. */
export function fieldsOf(message: Buffer): Field[] {
  const count = message.readUInt16BE(5);
  const fields: Field[] = [];
  let at = 7;
  for (let i = 0; i < count; i++) {
    const end = message.indexOf(0, at);
    fields.push({
      name: message.toString('latin1', at, end),
      type: message.readUInt32BE(end + 7),
      modifier: message.readInt32BE(end + 13),
      start: at,
      end: end + 1 + fixedPart,
    });
    at = end + 1 + fixedPart;
  }
  return fields;
}

/** The description from the column at `count` on. */
export function fieldsFrom(message: Buffer, count: number): Buffer {
  const rest = fieldsOf(message).slice(count);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(rest.length, 0);
  return frame(Back.rowDescription, Buffer.concat([head, ...rest.map((f) => message.subarray(f.start, f.end))]));
}

/** RECORD: what a whole-row reference to a derived table has instead of the table's own row type. */
const record = 2249;

/** Whether rows described by `b` can stand for rows described by `a`: same names and types, in the same order. */
export function sameRows(a: Buffer, b: Buffer): boolean {
  const left = fieldsOf(a);
  const right = fieldsOf(b);
  return (
    left.length === right.length &&
    left.every((field, i) => {
      const other = right[i];
      return other !== undefined && field.name === other.name && (field.type === other.type || other.type === record);
    })
  );
}
