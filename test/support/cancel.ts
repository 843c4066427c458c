/** A CancelRequest as a client's driver sends it. */
import type pg from 'pg';
import { RawConnection } from '../protocol/raw/connection.js';
import * as fe from '../protocol/raw/frontend.js';

/** Asks for the client's statement to be cancelled, and waits until the proxy at `port` has closed the connection. */
export async function sendCancel(port: number, client: pg.Client): Promise<void> {
  const pid: unknown = Reflect.get(client, 'processID');
  const key: unknown = Reflect.get(client, 'secretKey');
  const connection = await RawConnection.open({ host: '127.0.0.1', port });
  await connection.send(fe.cancel(Number(pid), fe.int32(Number(key))));
  await connection.untilClosed();
}
