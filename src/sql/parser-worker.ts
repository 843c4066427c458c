/**
 * The parser's worker thread: takes one text at a time, answers with its analysis. It holds nothing that outlives an
 * answer, so that it can be ended at any instant and replaced.
 */
import { serialize } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { loadModule } from 'libpg-query';
import type { ParserAnswer, ParserRequest } from './parser-messages.js';
import { read } from './read.js';

/** WebAssembly memory never shrinks; a text of this many bytes leaves enough behind to start afresh. */
const retireAfterBytes = 2 * 1024 * 1024;

const port = parentPort;
if (port === null) throw new Error('the parser runs as a worker thread only');

function send(answer: ParserAnswer): void {
  port?.postMessage(answer);
}

port.on('message', (request: ParserRequest) => {
  const { analysis, corrupt } = read(request.bytes, request.encoding);
  send({
    kind: 'analysis',
    analysis,
    weight: serialize(analysis).byteLength,
    retire: corrupt || request.bytes.length >= retireAfterBytes,
  });
});

await loadModule();
send({ kind: 'ready' });
