/**
 * How long a change upstream takes to be visible in SQL through Upwrite, by webhook: `node dist/test/webhooks/measure.js`.
 * Everything is on this machine, so that the network's part is missing.
 */
import { createIssue, updateIssue } from '../../fixtures/github/changes.js';
import type { Issue } from '../../fixtures/github/model.js';
import { runCleanup } from '../support/cleanup.js';
import { waitFor } from '../support/wait.js';
import { type Name, startWorld, type World } from './world.js';

const changes = 50;

/** Makes the change of a number, and gives the statement that finds a row when it has arrived. */
type Change = (number: number) => string;

function changesOf({ sandboxes }: World): Readonly<Record<Name, Change>> {
  const { stripe, github, hubspot, airtable } = sandboxes;
  const customer = stripe.create('customers', { name: 'measured' }).id;
  const [repository] = github.hub.repositories;
  if (repository === undefined) throw new Error('no repository');
  const issue: Issue = createIssue(github.colleague, repository, 'measured', '', {});
  const contact = hubspot.upsert('contacts', { email: 'measured@example.com' });
  const record = airtable.save('Caladan CRM', 'Contacts', { Name: 'measured' });
  return {
    stripe: (n) => {
      stripe.update('customers', customer, { name: `measured ${n}` });
      return `select from stripe.customers where name = 'measured ${n}'`;
    },
    github: (n) => {
      updateIssue(github.colleague, issue, { title: `measured ${n}` });
      return `select from github.issues where title = 'measured ${n}'`;
    },
    hubspot: (n) => {
      hubspot.upsert('contacts', { firstname: `measured ${n}` }, contact);
      return `select from hubspot.contacts where firstname = 'measured ${n}'`;
    },
    airtable: (n) => {
      airtable.save('Caladan CRM', 'Contacts', { Name: `measured ${n}` }, record);
      return `select from airtable.contacts where name = 'measured ${n}'`;
    },
  };
}

const world = await startWorld(['stripe', 'github', 'hubspot', 'airtable']);
try {
  await waitFor('the hooks', async () => {
    const found = await world.own.query(`select from upwrite.webhooks where state in ('live', 'by hand')`);
    return found.rowCount === 5;
  });
  for (const [name, change] of Object.entries(changesOf(world))) {
    const millis: number[] = [];
    for (let n = 0; n < changes; n += 1) {
      const began = performance.now();
      const sql = change(n);
      await waitFor('the change', async () => (await world.client.query(sql)).rowCount === 1);
      millis.push(performance.now() - began);
      // Deliveries that follow at once are read together: a change by itself is what is measured.
      await new Promise((resolve) => setTimeout(resolve, 600));
    }
    millis.sort((a, b) => a - b);
    const at = (share: number): string => (millis[Math.floor(share * (changes - 1))] ?? 0).toFixed(0);
    console.log(`${name}: median ${at(0.5)} ms, 95 % within ${at(0.95)} ms, longest ${at(1)} ms`);
  }
} finally {
  await world.stop();
  await runCleanup();
}
process.exit();
