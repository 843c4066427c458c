/** The pages of the providers whose tables are declared name every column. */
import { expect, it } from 'vitest';
import { declaredProviders, pageOf } from './pages.js';

it.each(declaredProviders)(
  'the columns in the page of %s are up to date (node dist/test/readme/update.js writes them)',
  async (name) => {
    const { before, after } = await pageOf(name);
    expect(before).toBe(after);
  },
);
