// Apollo Client: its cache and links, subscriptions over a socket and over HTTP, and a session.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { COUNTS, event, expectCountsOfABooking, socketUrl, toAsyncIterable, token, url } from './setup.mjs';

// Stores and sends cookies as a browser does.
let cookie = '';
const withCookie = async (input, init) => {
  const answer = await fetch(input, { ...init, headers: { ...init.headers, cookie } });
  const setCookie = answer.headers.get('set-cookie');
  if (setCookie) cookie = setCookie.split(';')[0];
  return answer;
};
const http = new HttpLink({ uri: url, fetch: withCookie });
const socket = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
});
const socketClient = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === 'subscription',
    new GraphQLWsLink(socket),
    http,
  ),
});
const httpClient = new ApolloClient({ cache: new InMemoryCache(), link: http });

const { data: first } = await socketClient.query({
  query: gql`query List($after: String) { events(first: 3, after: $after) {
    nodes { id title remainingTickets } pageInfo { endCursor hasNextPage } } }`,
});
assert.equal(first.events.nodes.length, 3);

const { data: signedIn } = await socketClient.mutate({
  mutation: gql`mutation { login(input: { email: "ada@example.org", password: "ada-demo-1" }) {
    accessToken user { id name } } }`,
});
assert.equal(signedIn.login.user.name, 'Ada');
const { data: refreshed } = await socketClient.mutate({
  mutation: gql`mutation { refresh { accessToken user { id } } }`,
});
assert.equal(refreshed.refresh.user.id, signedIn.login.user.id);
const { data: mine } = await socketClient.query({
  query: gql`query { me { id bookings { nodes { id } } } }`,
  context: { headers: { authorization: `Bearer ${refreshed.refresh.accessToken}` } },
});
assert.equal(mine.me.id, signedIn.login.user.id);

for (const client of [socketClient, httpClient]) {
  const counts = toAsyncIterable((sink) => {
    const observable = client.subscribe({ query: gql(COUNTS), variables: { ids: [event] } });
    const subscription = observable.subscribe(sink);
    return () => subscription.unsubscribe();
  });
  await expectCountsOfABooking(counts, ({ data, error }) => {
    assert.equal(error, undefined);
    return data.remainingTickets.remainingTickets;
  });
}
// Once a query's text was sent, its hash is enough.
const requestBodies = [];
const persisted = new ApolloClient({
  cache: new InMemoryCache(),
  defaultOptions: { query: { fetchPolicy: 'network-only' } },
  link: new PersistedQueryLink({
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
  }).concat(new HttpLink({
    uri: url,
    fetch: (input, init) => { requestBodies.push(init.body); return fetch(input, init); },
  })),
});
for (let round = 0; round < 2; round += 1) {
  const { data } = await persisted.query({ query: gql`query Two { events(first: 2) { nodes { id } } }` });
  assert.equal(data.events.nodes.length, 2);
}
assert.deepEqual(requestBodies.map((body) => 'query' in JSON.parse(body)), [false, true, false]);
persisted.stop();

socketClient.stop();
httpClient.stop();
await socket.dispose();
process.exit(0);
