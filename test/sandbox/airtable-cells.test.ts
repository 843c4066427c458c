/** Cells of every type, in the shapes that recorded answers show and the documentation has. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AirtableSandbox, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import { USERS } from '../../fixtures/airtable/schema/index.js';
import { AirtableClient, fieldsOf, idsOf, recordsOf } from './airtable-client.js';
import { object, text } from './client.js';

let sandbox: AirtableSandbox;
let client: AirtableClient;

beforeAll(async () => {
  sandbox = await startAirtableSandbox({ contacts: 2, companies: 1, others: 1, rateLimits: false });
  client = new AirtableClient(sandbox);
});
afterAll(() => sandbox.close());

const [user] = USERS;
const person = { id: user.id, email: user.email, name: user.name };
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const picture = { url: expect.any(String), width: expect.any(Number), height: expect.any(Number) };

it('are what was written, and what Airtable made of it', async () => {
  const company = text(sandbox.records('Caladan CRM', 'Companies')[0]?.['id']);
  const written = {
    Name: 'Jane',
    Email: 'jane@x.example',
    Phone: '(415) 555-9876',
    Website: 'https://x.example',
    Company: [company],
    Status: 'Lead',
    Tags: ['Spice', 'Water'],
    Score: 42.1,
    Visits: 6,
    Budget: 5.5,
    Discount: 0.123,
    Rating: 3,
    'Call length': 60,
    Subscribed: true,
    Birthday: '2022-09-05',
    'Next call': '2022-09-05T07:00:00.000Z',
    Notes: 'one\ntwo',
    Bio: '**bold**\n',
    Badge: { text: '1234' },
  };
  const made = await client.create({
    ...written,
    Files: [{ url: 'https://files.example/plan.png' }, { url: 'https://files.example/plan.bin' }],
    Owner: { email: user.email },
    Team: [user.id],
  });
  const [id = ''] = idsOf(made);
  const fields = fieldsOf(recordsOf(made)[0]);
  expect(fields).toMatchObject(written);
  expect(fields).toMatchObject({
    Owner: person,
    Team: [person],
    'No.': expect.any(Number),
    Created: time,
    Changed: time,
    'Created by': person,
    'Changed by': person,
    Label: 'Jane <jane@x.example>',
    'Budget per point': 5.5 / 42.1,
    'Company city': [expect.any(String)],
    Open: { label: 'Open', url: expect.stringContaining(id) },
    Summary: { state: 'empty', isStale: true, value: null },
    Files: [
      { id: expect.stringMatching(/^att\w{14}$/), url: expect.any(String), filename: 'plan.png' },
      { id: expect.stringMatching(/^att\w{14}$/), url: expect.any(String), filename: 'plan.bin' },
    ],
  });
  const read = await client.call('GET', `${client.table()}/${id}`);
  expect(fieldsOf(object(read.body))['Files']).toEqual([
    {
      id: expect.any(String),
      url: expect.any(String),
      filename: 'plan.png',
      size: expect.any(Number),
      type: 'image/png',
      width: expect.any(Number),
      height: expect.any(Number),
      thumbnails: { small: picture, large: picture, full: picture },
    },
    {
      id: expect.any(String),
      url: expect.any(String),
      filename: 'plan.bin',
      size: expect.any(Number),
      type: 'application/octet-stream',
    },
  ]);
});

it('tell of files that were not fetched, and take people as it is documented', async () => {
  const made = await client.create({ Name: 'x', Files: [{ url: 'https://gone.invalid/a.png' }] });
  expect(made).toMatchObject({
    status: 200,
    body: { details: { message: 'partialSuccess', reasons: ['attachmentsFailedUploading'] } },
  });
  expect(fieldsOf(recordsOf(made)[0])).not.toHaveProperty('Files');
  expect((await client.create({ Name: 'y' })).body).not.toHaveProperty('details');
  for (const wrong of [{ Owner: user.id }, { Team: [{ id: user.id }] }]) {
    expect(await client.create(wrong)).toMatchObject({
      status: 422,
      body: { error: { type: 'INVALID_VALUE_FOR_COLUMN' } },
    });
  }
});
