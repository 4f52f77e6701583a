// The environment of each script: a running server, a user's access token, and an event with
// tickets. Also the operations and helpers that several scripts share.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

export const { URL: url, TOKEN: token, EVENT: event } = process.env;
export const schema = readFileSync(process.env.SCHEMA, 'utf8');
export const socketUrl = url.replace('http', 'ws');

export const BOOK = `mutation Book($id: ID!) { bookEvent(input: { eventId: $id }) {
  __typename ... on BookEventSuccess { booking { id } } } }`;
export const CANCEL = `mutation Cancel($id: ID!) { cancelBooking(input: { bookingId: $id }) {
  __typename } }`;
export const COUNTS = `subscription Counts($ids: [ID!]) { remainingTickets(eventIds: $ids) {
  eventId remainingTickets } }`;

// Sends an operation by POST and returns its data.
export async function send(query, variables) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined);
  return data;
}

// Books a ticket. Returns a function that cancels the booking.
async function book() {
  const { bookEvent } = await send(BOOK, { id: event });
  assert.equal(bookEvent.__typename, 'BookEventSuccess');
  return async () => {
    const { cancelBooking } = await send(CANCEL, { id: bookEvent.booking.id });
    assert.equal(cancelBooking.__typename, 'CancelBookingSuccess');
  };
}

// Expects the right counts in `results` while a ticket is booked and cancelled.
export async function expectCountsOfABooking(results, countOf) {
  const counts = results[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await counts.next();
    assert.ok(!done, 'the subscription is still open');
    return countOf(value);
  };
  const first = await next();
  const cancel = await book();
  assert.equal(await next(), first - 1);
  await cancel();
  assert.equal(await next(), first);
  await counts.return?.();
}

// Makes an async iterable of a source with callbacks. `start` gets the sink, and returns a function
// that stops the source.
export function toAsyncIterable(start) {
  const queue = [];
  let wake = () => {};
  let isComplete = false;
  const sink = {
    next: (value) => { queue.push(value); wake(); },
    error: (error) => { queue.push(Promise.reject(error)); wake(); },
    complete: () => { isComplete = true; wake(); },
  };
  const stop = start(sink);
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          while (queue.length > 0) yield await queue.shift();
          if (isComplete) return;
          await new Promise((resolve) => { wake = resolve; });
        }
      } finally {
        stop();
      }
    },
  };
}
