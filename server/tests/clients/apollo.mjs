// Apollo Client: its cache and links, with subscriptions over a socket and over HTTP, and a session.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { COUNTS, event, iterate, socketUrl, token, url, watchABooking } from './world.mjs';

// What a browser does with cookies.
let cookie = '';
const withCookie = async (input, init) => {
  const answer = await fetch(input, { ...init, headers: { ...init.headers, cookie } });
  const given = answer.headers.get('set-cookie');
  if (given) cookie = given.split(';')[0];
  return answer;
};
const http = new HttpLink({ uri: url, fetch: withCookie });
const socket = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
});
const viaSocket = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === 'subscription',
    new GraphQLWsLink(socket),
    http,
  ),
});
const viaHttp = new ApolloClient({ cache: new InMemoryCache(), link: http });

const { data: first } = await viaSocket.query({
  query: gql`query List($after: String) { events(first: 3, after: $after) {
    nodes { id title remainingTickets } pageInfo { endCursor hasNextPage } } }`,
});
assert.equal(first.events.nodes.length, 3);

const { data: signedIn } = await viaSocket.mutate({
  mutation: gql`mutation { login(input: { email: "ada@example.org", password: "ada-demo-1" }) {
    accessToken user { id name } } }`,
});
assert.equal(signedIn.login.user.name, 'Ada');
const { data: refreshed } = await viaSocket.mutate({
  mutation: gql`mutation { refresh { accessToken user { id } } }`,
});
assert.equal(refreshed.refresh.user.id, signedIn.login.user.id);
const { data: mine } = await viaSocket.query({
  query: gql`query { me { id bookings { nodes { id } } } }`,
  context: { headers: { authorization: `Bearer ${refreshed.refresh.accessToken}` } },
});
assert.equal(mine.me.id, signedIn.login.user.id);

for (const client of [viaSocket, viaHttp]) {
  const counts = iterate((sink) => {
    const observable = client.subscribe({ query: gql(COUNTS), variables: { ids: [event] } });
    const subscription = observable.subscribe(sink);
    return () => subscription.unsubscribe();
  });
  await watchABooking(counts, ({ data, error }) => {
    assert.equal(error, undefined);
    return data.remainingTickets.remainingTickets;
  });
}
// A query's hash is enough, once its text was sent.
const bodies = [];
const persisted = new ApolloClient({
  cache: new InMemoryCache(),
  defaultOptions: { query: { fetchPolicy: 'network-only' } },
  link: new PersistedQueryLink({
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
  }).concat(new HttpLink({
    uri: url,
    fetch: (input, init) => { bodies.push(init.body); return fetch(input, init); },
  })),
});
for (let times = 0; times < 2; times += 1) {
  const { data } = await persisted.query({ query: gql`query Two { events(first: 2) { nodes { id } } }` });
  assert.equal(data.events.nodes.length, 2);
}
assert.deepEqual(bodies.map((body) => 'query' in JSON.parse(body)), [false, true, false]);
persisted.stop();

viaSocket.stop();
viaHttp.stop();
await socket.dispose();
process.exit(0);
