// urql: a query, a mutation, and subscriptions over a socket and over HTTP.

import assert from 'node:assert/strict';
import { Client, cacheExchange, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import {
  BOOK, CANCEL, COUNTS, event, expectCountsOfABooking, socketUrl, toAsyncIterable, token, url,
} from './setup.mjs';

const fetchOptions = { headers: { authorization: `Bearer ${token}` } };
const socket = createClient({ url: socketUrl, webSocketImpl: WebSocket });
const socketClient = new Client({
  url,
  fetchOptions,
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
      }),
    }),
  ],
});
const httpClient = new Client({ url, fetchOptions, fetchSubscriptions: true, exchanges: [fetchExchange] });

const list = await socketClient.query(gql`{ events(first: 2) { nodes { id title } } }`, {});
assert.equal(list.data.events.nodes.length, 2);
const booked = await socketClient.mutation(BOOK, { id: event });
assert.equal(booked.data.bookEvent.__typename, 'BookEventSuccess');
const second = await socketClient.mutation(BOOK, { id: event });
assert.equal(second.data.bookEvent.__typename, 'AlreadyBooked');
const cancelled = await socketClient.mutation(CANCEL, { id: booked.data.bookEvent.booking.id });
assert.equal(cancelled.data.cancelBooking.__typename, 'CancelBookingSuccess');

for (const client of [socketClient, httpClient]) {
  const counts = toAsyncIterable((sink) => {
    const subscription = client.subscription(COUNTS, { ids: [event] }).subscribe(sink.next);
    return () => subscription.unsubscribe();
  });
  await expectCountsOfABooking(counts, ({ data, error }) => {
    assert.equal(error, undefined);
    return data.remainingTickets.remainingTickets;
  });
}
await socket.dispose();
process.exit(0);
