/** Ports for processes that have to be told theirs. */
import { freePort } from '../../src/cli/embedded/index.js';

/** Below what systems give to whoever takes any port (ip_local_port_range, 32768 and above). */
const lowest = 10_000;
const highest = 32_767;

/**
 * A free TCP port of 127.0.0.1. Of those that the system would choose, one is soon given to somebody else: the tests beside
 * ask for hundreds while a process starts, or while a server is away that is to come back where it was.
 */
export function testPort(): Promise<number> {
  return freePort(lowest + Math.floor(Math.random() * (highest - lowest + 1)));
}
