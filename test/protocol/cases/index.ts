/** All cases of the battery by area. */
import type { Case } from '../case.js';
import { auth } from './auth.js';
import { cancellation } from './cancel.js';
import { copy } from './copy.js';
import { extended } from './extended.js';
import { functions } from './functions.js';
import { malformed } from './malformed.js';
import { notifications } from './notify.js';
import { pipelines } from './pipeline.js';
import { replication } from './replication.js';
import { simple } from './simple.js';
import { splitting } from './splitting.js';
import { startup } from './startup.js';
import { tls } from './tls.js';

export const areas: Readonly<Record<string, readonly Case[]>> = {
  startup,
  tls,
  auth,
  simple,
  copy,
  extended,
  pipelines,
  functions,
  notifications,
  cancellation,
  splitting,
  malformed,
  replication,
};
