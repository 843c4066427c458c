/** Where a process runs, so far that whoever runs there too can tell by its pid whether it is still there. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';

/**
 * The same for two processes only where each sees the other's pid: in one PID namespace of one running system. The
 * addresses tell copies of a virtual machine apart, which are the same in all else. Null where the system does not tell
 * (proc(5), pid_namespaces(7): Linux does).
 */
export function placeOfThisProcess(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const pids = readlinkSync('/proc/self/ns/pid');
    const addresses = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .flatMap(({ internal, address, mac }) => (internal ? [] : [`${mac} ${address}`]))
      .sort();
    return createHash('sha256')
      .update([boot, pids, hostname(), ...addresses].join('\0'))
      .digest('hex')
      .slice(0, 32);
  } catch {
    return null;
  }
}

/** Whether a process of this place is certainly gone, or has ended and nobody has asked for it yet (proc_pid_stat(5)). */
export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses and may hold anything.
    return stat.startsWith('Z', stat.lastIndexOf(')') + 2);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
