/** The errors of statements, as a client gets them: what Upwrite itself refuses, and what goes wrong on the way. */
import { beforeAll, describe, expect, test } from 'vitest';
import { expectShown } from './case.js';
import { statements, transactions } from './cases/statements.js';
import { StatementWorld } from './statement-world.js';

describe('with writes that escape the transaction', () => {
  let world: StatementWorld;

  beforeAll(async () => {
    world = await StatementWorld.start();
  });

  test.each(statements)('$code: $title', async ({ code, provoke, shows }) => {
    expectShown(await provoke(world), code, shows);
  });

  test('a defect is in the log, and its message is not shown to the client', () => {
    expect(world.stack.complaints.join('\n')).toContain('a defect with a secret in its message');
  });
});

describe('with writes that are rejected in a transaction', () => {
  let world: StatementWorld;

  beforeAll(async () => {
    world = await StatementWorld.start('reject');
  });

  test.each(transactions)('$code: $title', async ({ code, provoke, shows }) => {
    expectShown(await provoke(world), code, shows);
    expect(world.api.batches).toEqual([]);
  });
});
