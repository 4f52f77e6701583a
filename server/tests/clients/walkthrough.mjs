// urql and Apollo Client as an application uses them, with their default options: signing in,
// refreshing, booking, watching, and going on after the connection broke. It runs in Node
// (session.mjs) and in a browser (page.mjs).

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';

const LOG_IN = `mutation { session: login(input: { email: "ada@example.org", password: "ada-demo-1" }) {
  accessToken user { name } } }`;
const REFRESH = 'mutation { session: refresh { accessToken user { name } } }';
const LOG_OUT = 'mutation { logout }';
const EVENT = 'query Event($id: ID!) { event(id: $id) { id remainingTickets } }';
const BOOK = `mutation Book($id: ID!) { bookEvent(input: { eventId: $id }) {
  __typename ... on BookEventSuccess { booking { id } } } }`;
const CANCEL = 'mutation Cancel($id: ID!) { cancelBooking(input: { bookingId: $id }) { __typename } }';
const COUNTS = `subscription Counts($ids: [ID!]) { remainingTickets(eventIds: $ids) {
  eventId remainingTickets } }`;

// Each client has `run`, which returns an operation's data, and `watch`, which calls `next` with
// each result's data and `end` when no more come. `options` are those of the environment.
const CLIENTS = {
  urql: (options) => makeUrql(options),
  'urql with a socket': (options) => makeUrql(options, makeSocket(options)),
  apollo: (options) => makeApollo(options),
  'apollo with a socket': (options) => makeApollo(options, makeSocket(options)),
};
export const NAMES = Object.keys(CLIENTS);

function makeSocket({ url, webSocketImpl }) {
  return createClient({ url: url.replace('http', 'ws'), webSocketImpl });
}

function makeUrql({ url, fetch, credentials }, socket) {
  let token;
  const sockets = socket ? [subscriptionExchange({
    forwardSubscription: ({ query, variables }) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
    }),
  })] : [];
  const client = new Client({
    url,
    fetch,
    fetchSubscriptions: !socket,
    fetchOptions: () => ({ credentials, headers: token ? { authorization: `Bearer ${token}` } : {} }),
    exchanges: [cacheExchange, fetchExchange, ...sockets],
  });
  return {
    setToken: (value) => { token = value; },
    async run(text, variables = {}) {
      const kind = text.startsWith('mutation') ? 'mutation' : 'query';
      const { data, error } = await client[kind](text, variables).toPromise();
      if (error) throw error;
      return data;
    },
    watch(variables, { next, end }) {
      const { unsubscribe } = client.subscription(COUNTS, variables).subscribe(({ data, error }) => {
        if (data && !error) next(data); else end();
      });
      return unsubscribe;
    },
    stop: () => socket?.dispose(),
  };
}

function makeApollo({ url, fetch, credentials }, socket) {
  let token;
  const http = new HttpLink({ uri: url, fetch, credentials });
  const isSubscription = ({ operationType }) => operationType === 'subscription';
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: socket ? ApolloLink.split(isSubscription, new GraphQLWsLink(socket), http) : http,
    // These become headers, which need a preflight from another origin.
    clientAwareness: { name: 'walkthrough', version: '1' },
  });
  const context = () => (token ? { headers: { authorization: `Bearer ${token}` } } : {});
  return {
    setToken: (value) => { token = value; },
    async run(text, variables = {}) {
      const { data } = text.startsWith('mutation')
        ? await client.mutate({ mutation: gql(text), variables, context: context() })
        : await client.query({ query: gql(text), variables, context: context() });
      return data;
    },
    watch(variables, { next, end }) {
      const results = client.subscribe({ query: gql(COUNTS), variables });
      const subscription = results.subscribe({
        next: ({ data, error }) => { if (data && !error) next(data); else end(); },
        error: end,
        complete: end,
      });
      return () => subscription.unsubscribe();
    },
    stop: () => { client.stop(); return socket?.dispose(); },
  };
}

function check(holds, message) {
  if (!holds) throw new Error(message);
}

// The latest count of an event, for as long as it is watched. A subscription that ends is started
// again after a moment, as an application would do it.
function watchCount(client, event) {
  let count;
  let wake = () => {};
  let isStopped = false;
  let stop;
  const start = () => {
    let hasEnded = false;
    stop = client.watch({ ids: [event] }, {
      next: (data) => { count = data.remainingTickets.remainingTickets; wake(); },
      end: () => {
        if (hasEnded || isStopped) return;
        hasEnded = true;
        setTimeout(() => { if (!isStopped) start(); }, 50);
      },
    });
  };
  start();
  return {
    forget: () => { count = undefined; },
    async is(expected) {
      while (count !== expected) await new Promise((resolve) => { wake = resolve; });
    },
    stop: () => { isStopped = true; stop(); },
  };
}

// Walks through everything with one client. `breakConnections` ends all connections to the server,
// and returns when there can be new ones.
export async function walkThrough(name, options, event, breakConnections) {
  const client = CLIENTS[name](options);
  const signedIn = await client.run(LOG_IN);
  check(signedIn.session.user.name === 'Ada', 'the person is signed in');
  const refreshed = await client.run(REFRESH);
  check(refreshed.session.user.name === 'Ada', 'the session was refreshed');
  client.setToken(refreshed.session.accessToken);
  const { event: { remainingTickets } } = await client.run(EVENT, { id: event });

  const count = watchCount(client, event);
  await count.is(remainingTickets);
  const { bookEvent } = await client.run(BOOK, { id: event });
  check(bookEvent.__typename === 'BookEventSuccess', bookEvent.__typename);
  await count.is(remainingTickets - 1);

  count.forget();
  await breakConnections();
  await count.is(remainingTickets - 1);
  const { cancelBooking } = await client.run(CANCEL, { id: bookEvent.booking.id });
  check(cancelBooking.__typename === 'CancelBookingSuccess', cancelBooking.__typename);
  await count.is(remainingTickets);
  count.stop();

  const again = await client.run(REFRESH);
  check(again.session.user.name === 'Ada', 'the session goes on');
  check((await client.run(LOG_OUT)).logout, 'the person is signed out');
  const ended = await client.run(REFRESH).then(() => false, () => true);
  check(ended, 'the session has ended');
  await client.stop();
}
