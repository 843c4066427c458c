import { expect, test } from 'vitest';
import { DatabaseUrlError, parseDatabaseUrl } from './database.js';

const parse = (url: string) => parseDatabaseUrl(url, '/etc/upwrite');

test('a plain URL, with what it leaves out by default', () => {
  expect(parse('postgres://upwrite@db.example.com')).toEqual({
    host: 'db.example.com',
    port: 5432,
    user: 'upwrite',
    database: 'upwrite',
    sslmode: 'prefer',
    connectTimeout: 10_000,
  });
});

test('every part', () => {
  const url =
    'postgresql://up%40write:p%3Aw@[::1]:6000/my%20shop?sslmode=verify-full&sslrootcert=ca.pem&sslcert=/x/c.pem&sslkey=k.pem&connect_timeout=3';
  expect(parse(url)).toEqual({
    host: '::1',
    port: 6000,
    user: 'up@write',
    password: 'p:w',
    database: 'my shop',
    sslmode: 'verify-full',
    sslrootcert: '/etc/upwrite/ca.pem',
    sslcert: '/x/c.pem',
    sslkey: '/etc/upwrite/k.pem',
    connectTimeout: 3_000,
  });
});

test('a Unix socket, which carries no TLS', () => {
  expect(parse('postgres://upwrite:pw@/shop?host=/run/postgresql&port=5433&sslmode=require')).toMatchObject({
    host: '/run/postgresql',
    port: 5433,
    sslmode: 'disable',
    database: 'shop',
  });
  expect(parse('postgres://upwrite@%2Frun%2Fpg/shop')).toMatchObject({ host: '/run/pg' });
});

test('the authorities of the system', () => {
  expect(parse('postgres://u@h/d?sslmode=verify-full&sslrootcert=system')).toMatchObject({ sslrootcert: 'system' });
});

test.each([
  ['mysql://u:s3cret@h/d', /is not a URL like/],
  ['postgres://u:s3cret@x@h/d', /write @ as %40/],
  ['postgres://u:s3cret@a,b/d', /several hosts/],
  ['postgres://u:s3cret@h:70000/d', /port/],
  ['postgres://:s3cret@h/d', /names no user/],
  ['postgres://u:s3cret%@h/d', /write %25/],
  ['postgres://u:s3cret@h/d?sslmod=require', /unknown parameter sslmod; did you mean sslmode\?/],
  ['postgres://u:x@h/d?S3cret!', /unknown parameter; known are/],
  ['postgres://u:s3cret@h/d?sslmode=s3cret', /its sslmode is none of disable, allow/],
  ['postgres://u:s3cret@h/d?sslcert=s3cret', /belong together/],
  ['postgres://u:s3cret@h/d?connect_timeout=s3cret', /connect_timeout/],
])('%s is refused without quoting it', (url, message) => {
  expect(() => parse(url)).toThrow(DatabaseUrlError);
  expect(() => parse(url)).toThrow(message);
  expect(() => parse(url)).not.toThrow(/s3cret/i);
});
