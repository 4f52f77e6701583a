// Compares the server with graphql-js, the reference implementation: each document that it finds
// invalid is refused, and each valid one is accepted.

import assert from 'node:assert/strict';
import { getIntrospectionQuery, parse, validate } from 'graphql';
import { Documents, numbersFrom } from './documents.mjs';
import { buildSchemaWithScalars } from './own-scalars.mjs';
import { schema as text, url } from './setup.mjs';

const GENERATED = Number(process.env.COUNT ?? 6_000);
const AT_ONCE = 16;
// Documents that the generator rarely makes.
const WRITTEN = [
  getIntrospectionQuery({ specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true, oneOf: true }),
  'mutation { bookEvent(input: { eventId: "x", quantity: 1, quantity: 7 }) { __typename } }',
  'query($a: Int, $a: Int) { events(first: $a) { totalCount } }',
  'query($a: Int) { me { id } }',
  'query($a: Nothing) { me { id } }',
  'query($a: Event) { events(first: $a) { totalCount } }',
  'query($a: Int = "1") { events(first: $a) { totalCount } }',
  'query($a: Int = null) { events(first: $a) { totalCount } }',
  'query($o: EventOrder) { events(orderBy: $o) { totalCount } }',
  'query($f: EventOrderField) { events(orderBy: { field: $f }) { totalCount } }',
  'query($f: EventOrderField = DATE) { events(orderBy: { field: $f }) { totalCount } }',
  'query($f: EventOrderField = null) { events(orderBy: { field: $f }) { totalCount } }',
  'query($f: String!) { events(orderBy: { field: $f }) { totalCount } }',
  'query($ids: [ID]) { events { totalCount } }',
  'subscription($id: ID) { remainingTickets(eventIds: [$id]) { version } }',
  'subscription($id: ID!) { remainingTickets(eventIds: [$id]) { version } }',
  'subscription($id: ID!) { remainingTickets(eventIds: $id) { version } }',
  'subscription { remainingTickets(eventIds: "x") { version } }',
  'subscription { a: remainingTickets { version } b: remainingTickets { version } }',
  'subscription { remainingTickets { version } remainingTickets { eventId } }',
  'subscription { ...F } fragment F on Subscription { remainingTickets { version } __typename }',
  'subscription { __typename }',
  '{ events(orderBy: { field: "PRICE" }) { totalCount } }',
  '{ events(orderBy: PRICE) { totalCount } }',
  '{ events(orderBy: [{ field: PRICE }]) { totalCount } }',
  '{ events(first: 1.0) { totalCount } }',
  '{ events(search: 1) { totalCount } }',
  '{ event(id: 99999999999999999999) { id } }',
  '{ event(id: 1e3) { id } }',
  '{ event(id: -1) { id } }',
  '{ events(offset: -0) { totalCount } }',
  'query($a: Int = -0) { events(offset: $a) { totalCount } }',
  'query($a: Int) { events(filter: { startsAfter: [$a] }) { totalCount } }',
  '{ events(filter: { startsAfter: "soon" }) { totalCount } }',
  '{ events(filter: { startsAfter: 7 }) { totalCount } }',
  '{ events(filter: { startsAfter: "2026-01-01T00:00:00+02:00" }) { totalCount } }',
  'query($a: DateTime = "soon") { events(filter: { startsAfter: $a }) { totalCount } }',
  '{ events(filter: { maxPrice: { amount: 7, currency: "EUR" } }) { totalCount } }',
  '{ events(filter: { maxPrice: { amount: "", currency: "EUR" } }) { totalCount } }',
  '{ events(filter: { maxPrice: { amount: "7.50", currency: "EUR" } }) { totalCount } }',
  'query($a: Int) { events(filter: { startsAfter: { x: $a } }) { totalCount } }',
  'query($a: Float) { events(filter: { startsAfter: { x: $a } }) { totalCount } }',
  '{ event(id: ABC) { id } }',
  '{ __typename { x } }',
  '{ me { id { x } } }',
  '{ me }',
  '{ me { __schema { queryType { name } } } }',
  'mutation { __schema { queryType { name } } }',
  '{ a: me { id } a: event(id: 1) { id } }',
  '{ event(id: 1) { id } event(id: 2) { id } }',
  '{ event(id: 1) { id } event(id: "1") { id } }',
  '{ event(id: """1""") { id } event(id: "1") { id } }',
  '{ node(id: 1) { ... on Event { a: id } ... on User { a: name } } }',
  '{ node(id: 1) { ... on Event { a: totalTickets } ... on User { a: name } } }',
  '{ node(id: 1) { ... on Event { a: price { amount } } ... on Booking { a: event { amount: title } } } }',
  '{ node(id: 1) { ... on Event { a: price { amount } } ... on Booking { a: event { amount: totalTickets } } } }',
  '{ node(id: 1) { ... on Node { id } ... on Money { amount } } }',
  '{ ... on Query { me { id } } ... { me { name } } }',
  '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }',
  '{ ...A } fragment A on Query { me { id } } fragment A on Query { me { id } }',
  '{ ...A } fragment A on ID { x }',
  'fragment A on Query { me { id } }',
  'query A { me { id } } query A { me { id } }',
  'query A { me { id } } { me { id } }',
  'type A { b: Int }',
  '{ me { id } } type A { b: Int }',
  '"said" query A { me { id } }',
  '"said" { me { id } }',
  'query A("said" $a: Int) { events(first: $a) { totalCount } }',
  '# nothing',
  '',
];

const schema = buildSchemaWithScalars(text);
const documents = new Documents(schema, numbersFrom(Number(process.env.SEED ?? 1)));

function* texts() {
  yield* WRITTEN;
  for (let i = 0; i < GENERATED; i += 1) {
    const whole = documents.make({ fault: documents.chance(0.5) ? 0.04 : 0, operations: documents.chance(0.85) ? 1 : 2 });
    yield documents.chance(0.3) ? documents.damage(whole) : whole;
  }
}

function problemsOf(query) {
  try {
    return validate(schema, parse(query)).map(({ message }) => message);
  } catch (error) {
    return [error.message];
  }
}

// The server's reasons for refusing a document. Nothing is executed, because the document has no
// operation of the given name, which the server finds out after validation.
async function refusalsOf(query) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, operationName: 'Absent' }),
  });
  const { errors } = await answer.json();
  // A valid subscription is asked to accept a stream.
  if (answer.status === 406) return [];
  assert.equal(answer.status, 400, query);
  // What a subscription selects depends on variables, so this is found out after validation, too.
  const later = ['no operation named "Absent"', 'The subscription selects nothing.'];
  return errors.map(({ message }) => message).filter((message) => !later.some((text) => message.includes(text)));
}

const pending = texts();
const count = { valid: 0, invalid: 0 };
const differences = [];
async function compareAll() {
  for (const query of pending) {
    const [expected, found] = [problemsOf(query), await refusalsOf(query)];
    count[expected.length ? 'invalid' : 'valid'] += 1;
    if (Boolean(expected.length) !== Boolean(found.length)) differences.push({ query, expected, found });
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, compareAll));
console.log(`compared ${count.valid + count.invalid} documents with graphql-js: ${count.valid} valid, ${count.invalid} invalid, \
${differences.length} judged differently`);
assert.deepEqual(differences.slice(0, 5), []);
