/**
 * The parser's worker thread: takes one text at a time, answers with its analysis. It holds nothing that outlives an
 * answer, so that it can be ended at any instant and replaced.
 */
import { serialize } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { loadModule } from 'libpg-query';
import { boundWasmMemory } from './parser-memory.js';
import type { ParserAnswer, ParserRequest } from './parser-messages.js';
import { read } from './read.js';
import type { Analysis } from './statement.js';

/**
 * What the parser's memory begins with, and enough for some hundred thousand values. The tree that it leaves takes up
 * to two times as much of the thread's heap: its limit must stay well above that, since a heap that is full ends
 * the whole process, not only the thread.
 */
const wasmLimit = 128 * 1024 * 1024;

/** WebAssembly memory never shrinks; a text of this many bytes leaves enough behind to start afresh. */
const retireAfterBytes = 1024 * 1024;

/** The largest description that is handed to the event loop, serialised: about ten milliseconds of its time. */
const maxWeight = 1024 * 1024;

const port = parentPort;
if (port === null) throw new Error('the parser runs as a worker thread only');

function send(answer: ParserAnswer): void {
  port?.postMessage(answer);
}

function bounded(analysis: Analysis): { analysis: Analysis; weight: number } {
  const weight = serialize(analysis).byteLength;
  return weight > maxWeight ? { analysis: { kind: 'opaque', why: 'size' }, weight: 0 } : { analysis, weight };
}

port.on('message', (request: ParserRequest) => {
  const { analysis, corrupt } = read(request.bytes, request.encoding);
  send({ kind: 'analysis', ...bounded(analysis), retire: corrupt || request.bytes.length >= retireAfterBytes });
});

boundWasmMemory(wasmLimit);
await loadModule();
send({ kind: 'ready' });
