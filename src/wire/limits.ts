/**
 * Lengths that a peer may announce, checked before anything is read or allocated.
 * Source: PostgreSQL `src/include/libpq/libpq.h` (PQ_SMALL_MESSAGE_LIMIT, PQ_LARGE_MESSAGE_LIMIT),
 * `src/include/libpq/pqcomm.h` (MAX_STARTUP_PACKET_LENGTH) and `src/backend/tcop/postgres.c` (SocketBackend).
 */

/** Bytes of a start-up packet, its length word included (which MAX_STARTUP_PACKET_LENGTH leaves out). */
export const maxStartupPacket = 10_004;
/** Bytes of an authentication message, its length word included (PG_MAX_AUTH_TOKEN_LENGTH). */
export const maxAuthMessage = 65_535;

const large = 0x3fff_fffe;
const small = 10_000;

/** The frontend message types of the regular protocol, by the byte that starts them. */
export const Front = {
  bind: 0x42, // B
  close: 0x43, // C
  describe: 0x44, // D
  execute: 0x45, // E
  functionCall: 0x46, // F
  flush: 0x48, // H
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
  copyDone: 0x63, // c
  copyData: 0x64, // d
  copyFail: 0x66, // f
  password: 0x70, // p
} as const;

/** Highest length word of each message type; 0 for a byte that starts no message. */
const lengths: Uint32Array = (() => {
  const table = new Uint32Array(256);
  for (const type of [Front.query, Front.parse, Front.bind, Front.functionCall, Front.copyData]) table[type] = large;
  for (const type of [
    Front.close,
    Front.describe,
    Front.execute,
    Front.flush,
    Front.sync,
    Front.terminate,
    Front.copyDone,
    Front.copyFail,
  ])
    table[type] = small;
  return table;
})();

/** The highest length word that a frontend message of this type may have; 0 where there is no such type. */
export function maxFrontendLength(type: number): number {
  return lengths[type] ?? 0;
}
