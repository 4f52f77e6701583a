// graphql-sse: GraphQL over Server-Sent Events, a connection for each operation.

import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { COUNTS, event, token, url, watchABooking } from './world.mjs';

const client = createClient({
  url,
  headers: { authorization: `Bearer ${token}` },
  retryAttempts: 0,
});
const answers = [];
for await (const answer of client.iterate({ query: '{ me { name } }' })) answers.push(answer);
assert.equal(answers.length, 1);
assert.equal(typeof answers[0].data.me.name, 'string');

const counts = client.iterate({ query: COUNTS, variables: { ids: [event] } });
await watchABooking(counts, ({ data }) => data.remainingTickets.remainingTickets);

const wrong = client.iterate({ query: '{ nothingLikeThis }' });
await assert.rejects(async () => { for await (const _ of wrong); }, /400/);
client.dispose();

// As a browser's EventSource asks.
const query = new URLSearchParams({ query: '{ events(first: 1) { nodes { id } } }' });
const page = await fetch(`${url}?${query}`, { headers: { accept: 'text/event-stream' } });
assert.match(page.headers.get('content-type'), /^text\/event-stream/);
assert.match(await page.text(), /event: next\ndata: \{"data":.*\n\nevent: complete\n/);
