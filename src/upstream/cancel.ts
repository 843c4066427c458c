/** CancelRequest: asks the database to stop what a session runs (manual, "Canceling Requests in Progress"). */
import { connectDatabase } from './connect.js';
import type { DatabaseTarget } from './target.js';

/**
 * Sends a CancelRequest packet as it is and waits until the server has closed the connection, which is the only answer
 * that there is. Never throws: whether the cancel had an effect cannot be known anyway.
 */
export async function forwardCancel(target: DatabaseTarget, packet: Buffer): Promise<void> {
  try {
    const { socket } = await connectDatabase(target);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), target.connectTimeout);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.once('end', () => socket.end());
      socket.resume();
      socket.write(packet);
    });
  } catch {
    // The client of a cancel request gets no answer, whatever happens.
  }
}

/** A CancelRequest for the key data that a backend gave at login (process id, then a key of 4 to 256 bytes). */
export function cancelPacket(keyData: Buffer): Buffer {
  const packet = Buffer.alloc(8 + keyData.length);
  packet.writeUInt32BE(packet.length, 0);
  packet.writeUInt32BE(80877102, 4);
  keyData.copy(packet, 8);
  return packet;
}
