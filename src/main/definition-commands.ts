/** `upwrite plan`, `apply`, `drop` and `release`. What they need is loaded when they run. */
import type { Command } from '../cli/index.js';
import type { Registry } from '../provider/index.js';

const load = () => import('./definitions.js');

export function planCommand(registry: Registry): Command {
  return {
    summary: 'prints the SQL that would bring the tables in line with the APIs; exits with 2 where there is some',
    takesConfig: true,
    run: async (context) => (await load()).plan(context, registry),
  };
}

export function applyCommand(registry: Registry): Command {
  return {
    summary: 'runs what "upwrite plan" prints',
    takesConfig: true,
    run: async (context) => (await load()).apply(context, registry),
  };
}

const removal = {
  takesConfig: true,
  arguments: { usage: '<schema.table>', least: 1, most: 1 },
  options: { yes: { summary: 'does it; without it, only says what would be done' } },
} as const;

export const dropCommand: Command = {
  ...removal,
  summary: 'removes a table that is no longer in the configuration, with its rows',
  run: async (context) => (await load()).remove(context, 'drop'),
};

export const releaseCommand: Command = {
  ...removal,
  summary: 'makes a table that is no longer in the configuration an ordinary one',
  run: async (context) => (await load()).remove(context, 'release'),
};
