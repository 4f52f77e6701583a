// graphql-http's audit of GraphQL over HTTP.

import { auditServer } from 'graphql-http';
import { url } from './setup.mjs';

const results = await auditServer({ url });
for (const { id, status, name, reason } of results) {
  if (status !== 'ok') console.log(`${id} ${status}: ${name}: ${reason}`);
}
const ok = results.filter(({ status }) => status === 'ok').length;
console.log(`${ok} of ${results.length} checks pass`);
process.exit(ok === 61 && results.length === 61 ? 0 : 1);
