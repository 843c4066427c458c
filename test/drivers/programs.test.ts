/** Drivers of other languages: each program makes the same checks directly and through the proxy. */
import { describe, expect, it } from 'vitest';
import { addresses } from './addresses.js';
import { jdbcDriver, program, pythonWith, run } from './tools.js';

const found = addresses();

interface Driver {
  readonly name: string;
  /** The command in front of the address, or null where the driver is not installed. */
  readonly command: readonly string[] | null;
}

const python = (module: string, file: string): readonly string[] | null => {
  const interpreter = pythonWith(module);
  return interpreter === null ? null : [interpreter, '-B', program(file)];
};
const jar = jdbcDriver();

const drivers: readonly Driver[] = [
  { name: 'psycopg 3', command: python('psycopg', 'psycopg3_checks.py') },
  { name: 'psycopg2', command: python('psycopg2', 'psycopg2_checks.py') },
  { name: 'JDBC', command: jar === null ? null : ['java', '-cp', jar, program('Jdbc.java')] },
];

describe.each(drivers)('$name', ({ name, command }) => {
  it.skipIf(command === null)(
    command === null ? `${name} is not installed` : 'makes the same checks directly and through the proxy',
    { timeout: 300_000 },
    async () => {
      const { cluster, proxy } = found();
      const [file = '', ...args] = command ?? [];
      const at = (port: number): string[] => [...args, '127.0.0.1', String(port), 'battery', cluster.tls.cert];
      const direct = await run(file, at(cluster.port));
      expect(direct).toMatchObject({ code: 0, stderr: '' });
      expect(direct.stdout.split('\n').filter((line) => line.startsWith('ok ')).length).toBeGreaterThan(10);
      expect(await run(file, at(proxy.port))).toEqual(direct);
    },
  );
});
