import { request } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Admin, type Route, startAdmin } from './server.js';

let admin: Admin | undefined;
const errors: unknown[] = [];

afterEach(async () => {
  await admin?.close();
  errors.length = 0;
});

async function start(...routes: Route[]): Promise<string> {
  admin = await startAdmin({ host: '127.0.0.1', port: 0, routes, onError: (error) => errors.push(error) });
  return `http://127.0.0.1:${admin.port}`;
}

const echo: Route = {
  method: 'POST',
  path: '/echo/*',
  maxBody: 10,
  handle: ({ body, path, target, headers }) => ({
    status: 200,
    type: 'application/json',
    body: JSON.stringify({ body: body.toString(), path, target, mark: headers['x-mark'] }),
  }),
};

describe('the HTTP listener', () => {
  it('gives a route the bytes, the path and the headers as they came', async () => {
    const url = await start(echo);
    const reply = await fetch(`${url}/echo/one?x=%20y`, {
      method: 'POST',
      body: '0123456789',
      headers: { 'X-Mark': 'm' },
    });
    expect(reply.headers.get('content-type')).toBe('application/json');
    expect(await reply.json()).toEqual({
      body: '0123456789',
      path: '/echo/one',
      target: '/echo/one?x=%20y',
      mark: 'm',
    });
  });

  it('refuses a body beyond the bound, announced or not', async () => {
    const url = await start(echo);
    expect((await fetch(`${url}/echo/`, { method: 'POST', body: '0123456789a' })).status).toBe(413);
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${url}/echo/`, { method: 'POST' }, (reply) => {
        reply.resume();
        resolve(reply.statusCode);
      });
      sent.on('error', reject);
      sent.write('0123456');
      sent.end('789abc');
    });
    expect(status).toBe(413);
  });

  it('knows its paths and methods', async () => {
    const url = await start(echo);
    expect((await fetch(`${url}/other`)).status).toBe(404);
    const wrong = await fetch(`${url}/echo/x`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('says nothing of what went wrong inside', async () => {
    const url = await start({
      method: 'GET',
      path: '/',
      handle: () => {
        throw new Error('a secret');
      },
    });
    const reply = await fetch(`${url}/`);
    expect([reply.status, await reply.text()]).toEqual([500, 'internal error\n']);
    expect(errors).toHaveLength(1);
  });

  it('is closed when what is under way has come to its end', async () => {
    const steps: string[] = [];
    let end = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      start({
        method: 'GET',
        path: '/',
        handle: async () => {
          resolve();
          await new Promise<void>((done) => {
            end = done;
          });
          steps.push('answered');
          return { status: 200 };
        },
      })
        .then((url) => fetch(url))
        .catch(() => steps.push('cut off'));
    });
    await begun;
    const closed = admin?.close().then(() => steps.push('closed'));
    await vi.waitFor(() => expect(steps).toEqual(['cut off']), 20_000);
    end();
    await closed;
    expect(steps).toEqual(['cut off', 'answered', 'closed']);
  });
});
