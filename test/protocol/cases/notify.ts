import { type Case, play, session } from '../case.js';
import * as fe from '../raw/frontend.js';

const listen = fe.query('listen battery');

export const notifications: readonly Case[] = [
  session('NOTIFY to oneself', [
    [listen, 'Z'],
    [fe.query("notify battery, 'hello'"), 'Z'],
    [fe.query('select 1'), 'Z'],
  ]),
  session('NOTIFY in a transaction comes with its COMMIT', [
    [listen, 'Z'],
    [fe.query('begin'), 'Z'],
    [fe.query("notify battery, 'late'"), 'Z'],
    [fe.query('commit'), 'Z'],
  ]),
  session('NOTIFY that is rolled back', [
    [listen, 'Z'],
    [fe.query("begin; notify battery, 'never'; rollback"), 'Z'],
  ]),
  session('UNLISTEN', [
    [listen, 'Z'],
    [fe.query('unlisten *'), 'Z'],
    [fe.query("notify battery, 'unheard'"), 'Z'],
  ]),
  session('a pipeline with LISTEN and NOTIFY', [
    [[fe.extended('listen battery'), fe.extended("select pg_notify('battery', 'piped')"), fe.sync], 'Z'],
    [[fe.extended('select 1'), fe.sync], 'Z'],
  ]),
  session('a payload past its limit', [[fe.query(`notify battery, '${'x'.repeat(8000)}'`), 'Z']]),
  {
    name: 'notifications while the session is idle',
    run: async (world) => {
      const connection = await world.login();
      await play(connection, [[listen, 'Z']]);
      for (const payload of ['', 'one', 'ä漢', 'x'.repeat(7999)]) {
        await world.control.query('select pg_notify($1, $2)', ['battery', payload]);
        await connection.until('A');
      }
    },
  },
  {
    name: '1000 notifications of one transaction while the session is idle',
    run: async (world) => {
      const connection = await world.login();
      await play(connection, [[listen, 'Z']]);
      await world.control.query("select pg_notify('battery', n::text) from generate_series(1, 1000) n");
      for (let got = 0; got < 1000; got++) await connection.until('A');
    },
  },
  {
    name: 'a notification inside an open transaction waits for its end',
    run: async (world) => {
      const connection = await world.login();
      await play(connection, [
        [listen, 'Z'],
        [fe.query('begin'), 'Z'],
      ]);
      await world.control.query("notify battery, 'waits'");
      await play(connection, [
        [fe.query('select 1'), 'Z'],
        [fe.query('commit'), 'Z'],
        [fe.query('select 2'), 'Z'],
      ]);
    },
  },
  {
    name: 'from one session to two others',
    run: async (world) => {
      const sender = await world.login({}, 'sender');
      const first = await world.login({}, 'first');
      const second = await world.login({}, 'second');
      await play(first, [[listen, 'Z']]);
      await play(second, [[listen, 'Z']]);
      await play(sender, [[fe.query("notify battery, 'to both'"), 'Z']]);
      await first.until('A');
      await second.until('A');
    },
  },
];
