import { describe, expect, it } from 'vitest';
import { sequinId, syncId, uuidV5 } from './ids.js';

describe('name-based UUIDs', () => {
  it('are those of RFC 9562', () => {
    // Appendix A.4: the name space for DNS names.
    expect(uuidV5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe(
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    );
  });

  it('tell connections, collections and records apart, and stay', () => {
    const sync = syncId('salesforce');
    expect(sync).toBe(syncId('salesforce'));
    const ids = [
      sequinId(sync, 'Contact', 'a'),
      sequinId(sync, 'Contact', 'b'),
      sequinId(sync, 'Account', 'a'),
      sequinId(syncId('other'), 'Contact', 'a'),
    ];
    expect(new Set(ids).size).toBe(4);
    expect(ids[0]).toBe(sequinId(sync, 'Contact', 'a'));
  });
});
