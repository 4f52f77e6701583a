// graphql-sse: GraphQL over server-sent events, with one connection for each operation.

import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { COUNTS, event, expectCountsOfABooking, token, url } from './setup.mjs';

const client = createClient({
  url,
  headers: { authorization: `Bearer ${token}` },
  retryAttempts: 0,
});
const results = [];
for await (const result of client.iterate({ query: '{ me { name } }' })) results.push(result);
assert.equal(results.length, 1);
assert.equal(typeof results[0].data.me.name, 'string');

const counts = client.iterate({ query: COUNTS, variables: { ids: [event] } });
await expectCountsOfABooking(counts, ({ data }) => data.remainingTickets.remainingTickets);

const invalid = client.iterate({ query: '{ nothingLikeThis }' });
await assert.rejects(async () => { for await (const _ of invalid); }, /400/);
client.dispose();

// A GET request, as a browser's EventSource sends it.
const query = new URLSearchParams({ query: '{ events(first: 1) { nodes { id } } }' });
const response = await fetch(`${url}?${query}`, { headers: { accept: 'text/event-stream' } });
assert.match(response.headers.get('content-type'), /^text\/event-stream/);
assert.match(await response.text(), /event: next\ndata: \{"data":.*\n\nevent: complete\ndata: \n\n/);
