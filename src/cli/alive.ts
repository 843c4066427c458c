/** `upwrite alive`: whether the process that a configuration describes runs on this machine, for a container's health check. */
import { connect } from 'node:net';
import type { Command } from './command.js';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Milliseconds for an answer. */
const timeout = 2500;

export const aliveCommand: Command = {
  summary: 'asks the process that runs with this configuration whether it lives, and exits with 0 or 1',
  takesConfig: true,
  run: async ({ config, io }) => {
    const { admin, listen } = config();
    const address = local(admin.listen ?? listen);
    const lives = admin.listen === undefined ? await takesConnections(address) : await answers(address);
    if (!lives) io.err(`upwrite: nothing answers on ${address.host}:${address.port}`);
    return lives ? 0 : 1;
  },
};

/** Where a listener on all addresses can be reached. */
function local({ host, port }: Address): Address {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port };
  return host === '::' ? { host: '::1', port } : { host, port };
}

/** Of the listener with health and metrics, its path for that. */
async function answers({ host, port }: Address): Promise<boolean> {
  const name = host.includes(':') ? `[${host}]` : host;
  try {
    const answer = await fetch(`http://${name}:${port}/livez`, { signal: AbortSignal.timeout(timeout) });
    return answer.ok;
  } catch {
    return false;
  }
}

function takesConnections({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout });
    const end = (lives: boolean) => () => {
      socket.destroy();
      resolve(lives);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
}
