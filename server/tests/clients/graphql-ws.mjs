// graphql-ws: queries, mutations and subscriptions on one socket.

import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { COUNTS, event, expectCountsOfABooking, socketUrl, token } from './setup.mjs';

let pongs = 0;
const client = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
  keepAlive: 100,
  on: { pong: (received) => { if (received) pongs += 1; } },
  retryAttempts: 0,
});
const collect = async (payload) => {
  const results = [];
  for await (const result of client.iterate(payload)) results.push(result);
  return results;
};

// Several operations run at once. The server completes each.
const [me, list, invalid] = await Promise.all([
  collect({ query: '{ me { name } }' }),
  collect({ query: 'query($n: Int) { events(first: $n) { nodes { id } } }', variables: { n: 2 } }),
  collect({ query: '{ nothingLikeThis }' }).catch((errors) => errors),
]);
assert.equal(typeof me[0].data.me.name, 'string');
assert.equal(list[0].data.events.nodes.length, 2);
assert.match(JSON.stringify(invalid), /BAD_USER_INPUT/);

// The client completes a subscription and starts it again.
for (let round = 0; round < 2; round += 1) {
  const counts = client.iterate({ query: COUNTS, variables: { ids: [event] } });
  await expectCountsOfABooking(counts, ({ data }) => data.remainingTickets.remainingTickets);
}
// While a subscription is open, the client sends pings.
const unsubscribe = client.subscribe({ query: COUNTS, variables: { ids: [event] } }, {
  next: () => {},
  error: (error) => { throw error; },
  complete: () => {},
});
while (pongs === 0) await new Promise((resolve) => setTimeout(resolve, 20));
unsubscribe();
await client.dispose();

// The token has expired, so the client gets another one and connects again.
let closedConnections = 0;
const renewing = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: () => ({ authorization: `Bearer ${closedConnections === 0 ? 'expired' : token}` }),
  on: {
    closed: ({ code }) => {
      if (closedConnections === 0) assert.equal(code, 4403);
      closedConnections += 1;
    },
  },
  retryAttempts: 1,
  retryWait: async () => {},
});
for await (const { data } of renewing.iterate({ query: '{ me { name } }' })) {
  assert.equal(typeof data.me.name, 'string');
}
assert.ok(closedConnections >= 1);
await renewing.dispose();
