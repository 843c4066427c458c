import { expect, test } from 'vitest';
import { parseDuration, parseSize } from './units.js';

test.each([
  ['250ms', 250],
  ['0s', 0],
  ['30s', 30_000],
  ['1.5m', 90_000],
  [' 2 h ', 7_200_000],
  ['30d', 2_592_000_000],
])('%s is %d ms', (text, millis) => {
  expect(parseDuration(text)).toBe(millis);
});

test.each(['', '30', 's', '-1s', '1e3s', '3x', '1 y', '99999999999999d', '1s2s'])('"%s" is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  ['512B', 512],
  ['16MiB', 16_777_216],
  ['1GB', 1_000_000_000],
  ['0.5 KiB', 512],
])('%s is %d bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['16', '16mib', '1 TB', '-1B'])('"%s" is no size', (text) => {
  expect(parseSize(text)).toBeUndefined();
});
