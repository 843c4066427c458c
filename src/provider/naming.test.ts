import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignNames, fitName, pluralName, snakeCase, sqlName } from './naming.js';

const systemColumns = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid', 'oid'];

describe('snakeCase', () => {
  it.each([
    ['FirstName', 'first_name'],
    ['SLASerialNumber', 'sla_serial_number'],
    ['Email', 'email'],
    ['email_field', 'email_field'],
    ['Address2Line', 'address2_line'],
    ['LastCURequestDate', 'last_cu_request_date'],
    ['Größe (cm)', 'größe_cm'],
    ['ÉtatCivil', 'état_civil'],
    ['会社 名', '会社_名'],
    ['  --x--  ', 'x'],
    ['', ''],
  ])('%s → %s', (name, expected) => {
    expect(snakeCase(name)).toBe(expected);
  });

  it('gives composed and decomposed letters one name', () => {
    expect(snakeCase('Gro\u0308ße')).toBe(snakeCase('Größe'));
  });
});

describe('pluralName', () => {
  it.each([
    ['Contact', 'contacts'],
    ['Invoice_Item', 'invoice_items'],
    ['Opportunity', 'opportunities'],
    ['AccountHistory', 'account_histories'],
    ['Person', 'people'],
  ])('%s → %s', (name, expected) => {
    expect(pluralName(name)).toBe(expected);
  });
});

describe('fitName', () => {
  it('keeps 63 bytes and cuts 64', () => {
    expect(fitName('a'.repeat(63))).toBe('a'.repeat(63));
    expect(Buffer.byteLength(fitName('a'.repeat(64)))).toBe(63);
  });

  it('tells long names apart that differ at their ends', () => {
    expect(fitName(`${'a'.repeat(70)}1`)).not.toBe(fitName(`${'a'.repeat(70)}2`));
  });

  it('never splits a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 30, maxLength: 80 }), (name) => {
        const fitted = fitName(name);
        expect(Buffer.byteLength(fitted)).toBeLessThanOrEqual(63);
        expect(fitted).toBe(Buffer.from(fitted).toString());
      }),
    );
  });
});

const apiName = fc.oneof(
  fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,79}$/),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom(...systemColumns, 'Note', 'Note__c', 'note', 'select', '1st', '😀', ''),
);

describe('sqlName', () => {
  it('always gives a lower-case identifier within 63 bytes', () => {
    fc.assert(
      fc.property(apiName, (name) => {
        const sql = sqlName(name);
        expect(sql).toMatch(/^[\p{L}_][\p{L}\p{M}\p{Nd}_]*$/u);
        expect(Buffer.byteLength(sql)).toBeLessThanOrEqual(63);
        expect(sql).toBe(sqlName(name));
      }),
    );
  });

  it('allows reserved words, which are quoted', () => {
    expect(sqlName('Order')).toBe('order');
  });
});

describe('assignNames', () => {
  const uniqueNames = fc.uniqueArray(apiName, { maxLength: 40 });

  it('gives every item a unique name that no system column has', () => {
    fc.assert(
      fc.property(uniqueNames, (ids) => {
        const names = assignNames(ids.map((id) => ({ id, candidates: [snakeCase(id)] })));
        expect(names.size).toBe(ids.length);
        expect(new Set(names.values()).size).toBe(ids.length);
        for (const name of names.values()) {
          expect(systemColumns).not.toContain(name);
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
        }
      }),
    );
  });

  it('keeps the names given before, whatever is added', () => {
    fc.assert(
      fc.property(uniqueNames, uniqueNames, (before, added) => {
        const items = (ids: readonly string[]) => ids.map((id) => ({ id, candidates: [snakeCase(id)] }));
        const known = assignNames(items(before));
        const both = [...new Set([...added, ...before])];
        const names = assignNames(items(both), { known });
        for (const [id, name] of known) expect(names.get(id)).toBe(name);
        expect(new Set(names.values()).size).toBe(both.length);
      }),
    );
  });

  it('serves the better claim first', () => {
    const names = assignNames([
      { id: 'Note', candidates: ['note'] },
      { id: 'Note__c', candidates: ['note', 'note_c'] },
    ]);
    expect([...names.values()]).toEqual(['note', 'note_c']);
  });

  it('gives system column names an underscore, and tables may have them', () => {
    expect(assignNames([{ id: 'Xmin', candidates: ['xmin'] }]).get('Xmin')).toBe('xmin_');
    expect(assignNames([{ id: 'Xmin', candidates: ['xmin'] }], { columns: false }).get('Xmin')).toBe('xmin');
  });
});
