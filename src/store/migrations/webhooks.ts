import type { Migration } from './migration.js';

const sql = `
CREATE TABLE upwrite.webhooks (
  connection text NOT NULL,
  scope text NOT NULL,
  url text NOT NULL,
  state text NOT NULL CHECK (state IN ('registering', 'live', 'failing', 'by hand')),
  reason text,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  hook text,
  expires_at timestamptz,
  checked_at timestamptz,
  deliveries bigint NOT NULL DEFAULT 0,
  last_delivery_at timestamptz,
  PRIMARY KEY (connection, scope)
) WITH (fillfactor = 60);
COMMENT ON TABLE upwrite.webhooks IS 'Upwrite''s own: the webhooks of each connection, and how they are doing.';
COMMENT ON COLUMN upwrite.webhooks.scope IS 'What it covers: empty for the account, else a base, a repository.';
COMMENT ON COLUMN upwrite.webhooks.hook IS 'The API''s id of it; null while it is being registered.';

CREATE TABLE upwrite.webhook_details (
  connection text NOT NULL,
  scope text NOT NULL,
  secret text,
  wants text,
  cursor jsonb,
  old_hooks text[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (connection, scope),
  FOREIGN KEY (connection, scope) REFERENCES upwrite.webhooks ON DELETE CASCADE
);
COMMENT ON TABLE upwrite.webhook_details IS
  'Upwrite''s own: the encrypted secret of each webhook that Upwrite has registered, and how far its payloads were read.';

CREATE TABLE upwrite.webhook_deliveries (
  connection text NOT NULL,
  digest bytea NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (connection, digest)
);
CREATE INDEX webhook_deliveries_until_idx ON upwrite.webhook_deliveries (until);
COMMENT ON TABLE upwrite.webhook_deliveries IS 'Upwrite''s own: deliveries of late, so that one that comes again does nothing.';

CREATE TABLE upwrite.webhook_pings (
  connection text NOT NULL,
  hook text NOT NULL,
  ping_order bigint NOT NULL,
  PRIMARY KEY (connection, hook)
);
COMMENT ON TABLE upwrite.webhook_pings IS 'Upwrite''s own: webhooks whose payloads are to be fetched.';

CREATE TABLE upwrite.webhook_expectations (
  table_oid oid NOT NULL,
  key text NOT NULL,
  gone boolean NOT NULL,
  version text,
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL,
  PRIMARY KEY (table_oid, key)
);
CREATE INDEX webhook_expectations_due_idx ON upwrite.webhook_expectations (due_at);
COMMENT ON TABLE upwrite.webhook_expectations IS
  'Upwrite''s own: what deliveries said of records, until the rows say it too.';
`;

export const webhooks: Migration = { version: 6, name: 'webhooks', sql };
