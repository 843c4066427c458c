/** Logging in over a raw connection by whatever the server asks for. */
import { createHash } from 'node:crypto';
import { RawConnection } from './connection.js';
import * as fe from './frontend.js';
import { mechanism, scramClient } from './scram.js';
import type { Message } from './transcript.js';

export interface Login {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  /** Further parameters of the start-up packet. */
  readonly params?: readonly (readonly [string, string])[];
  readonly protocol?: number;
}

/** Application name of every session of the battery, by which the database's view finds them. */
export const applicationName = 'battery';

/** The start-up packet of a login. */
export function startupOf(login: Login = {}): Buffer {
  const params: [string, string][] = [
    ['user', login.user ?? 'postgres'],
    ['database', login.database ?? 'battery'],
  ];
  const named = (login.params ?? []).some(([key]) => key === 'application_name');
  if (!named) params.push(['application_name', applicationName]);
  return fe.startup([...params, ...(login.params ?? [])], login.protocol);
}

/** Sends the start-up packet and answers until ReadyForQuery, an error, or the end; true when it is ready. */
export async function logIn(connection: RawConnection, login: Login = {}): Promise<boolean> {
  await connection.send(startupOf(login));
  return authenticate(connection, login);
}

/** Answers authentication requests until ReadyForQuery, an error, or the end; true when it is ready. */
export async function authenticate(connection: RawConnection, login: Login): Promise<boolean> {
  const scram = scramClient(login.password ?? '');
  for (;;) {
    const message = await connection.next();
    if (message === null) return false;
    if (message.type === 'Z') return true;
    if (message.type === 'E') {
      await connection.untilClosed();
      return false;
    }
    if (message.type === 'R') await connection.send(answer(message, login, scram));
  }
}

/** A new connection that is logged in. Rejects where the server refuses it. */
export async function openLoggedIn(server: Parameters<typeof RawConnection.open>[0]): Promise<RawConnection> {
  const connection = await RawConnection.open(server);
  if (!(await logIn(connection))) throw new Error(`the login failed: ${connection.transcript.join(' ')}`);
  return connection;
}

function answer(request: Message, login: Login, scram: ReturnType<typeof scramClient>): Buffer {
  const rest = request.body.subarray(4);
  switch (request.body.readInt32BE(0)) {
    case 3:
      return fe.password(login.password ?? '');
    case 5:
      return fe.password(md5(login.user ?? 'postgres', login.password ?? '', rest));
    case 10:
      return fe.saslInitial(mechanism, scram.first);
    case 11:
      return fe.saslResponse(scram.final(rest.toString()));
    case 12:
      if (!scram.verifies(rest.toString())) throw new Error('the server did not prove that it knows the password');
      return Buffer.alloc(0);
    default:
      return Buffer.alloc(0);
  }
}

/** AuthenticationMD5Password's answer (manual, 54.2.1). */
export function md5(user: string, password: string, salt: Buffer): string {
  const hex = (...parts: (string | Buffer)[]): string => {
    const hash = createHash('md5');
    for (const part of parts) hash.update(part);
    return hash.digest('hex');
  };
  return `md5${hex(hex(password, user), salt)}`;
}
