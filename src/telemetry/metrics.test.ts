import { expect, test } from 'vitest';
import { Metrics } from './index.js';

test('the three kinds in the text format', () => {
  const metrics = new Metrics();
  const writes = metrics.counter({
    name: 'upwrite_writes_total',
    help: 'Writes,\nby outcome',
    labels: ['table', 'outcome'],
  });
  writes.inc({ table: 'a"b\\c\nd', outcome: 'applied' });
  writes.inc({ outcome: 'applied', table: 'a"b\\c\nd' }, 2);
  const sessions = metrics.gauge({ name: 'upwrite_sessions', help: 'Client sessions' });
  sessions.set(5);
  sessions.add(-2);
  const seconds = metrics.histogram({
    name: 'upwrite_write_seconds',
    help: 'Time of a write',
    labels: ['verb'],
    buckets: [0.1, 1],
  });
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value, { verb: 'insert' });
  expect(metrics.render()).toBe(`# HELP upwrite_writes_total Writes,\\nby outcome
# TYPE upwrite_writes_total counter
upwrite_writes_total{table="a\\"b\\\\c\\nd",outcome="applied"} 3
# HELP upwrite_sessions Client sessions
# TYPE upwrite_sessions gauge
upwrite_sessions 3
# HELP upwrite_write_seconds Time of a write
# TYPE upwrite_write_seconds histogram
upwrite_write_seconds_bucket{verb="insert",le="0.1"} 2
upwrite_write_seconds_bucket{verb="insert",le="1"} 3
upwrite_write_seconds_bucket{verb="insert",le="+Inf"} 4
upwrite_write_seconds_sum{verb="insert"} 7.65
upwrite_write_seconds_count{verb="insert"} 4
`);
});

test('mistakes are found at once', () => {
  const metrics = new Metrics();
  const counter = metrics.counter({ name: 'a_total', help: '', labels: ['x'] });
  expect(() => counter.inc()).toThrow(/has the labels x, not \(none\)/);
  expect(() => counter.inc({ y: '1' })).toThrow(/has the labels x, not y/);
  expect(() => counter.inc({ x: '1' }, -1)).toThrow(RangeError);
  expect(() => metrics.gauge({ name: 'a_total', help: '' })).toThrow(/exists already/);
  expect(() => metrics.gauge({ name: 'a-b', help: '' })).toThrow(/does not take/);
  expect(() => metrics.histogram({ name: 'h', help: '', buckets: [1, 1] })).toThrow(/do not rise/);
});

test('label values from outside cannot grow without bound', () => {
  const metrics = new Metrics();
  const counter = metrics.counter({ name: 'a_total', help: '', labels: ['x'] });
  for (let value = 0; value < 2000; value += 1) counter.inc({ x: String(value) });
  const lines = metrics.render().trim().split('\n');
  expect(lines).toHaveLength(2 + 1001);
  expect(lines.at(-1)).toBe('a_total{x="other"} 1000');
});
