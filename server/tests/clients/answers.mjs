// Every answer has the fields that its operation selects, in their order, with values of the types
// that the schema promises. graphql-js says which fields those are.

import assert from 'node:assert/strict';
import {
  isAbstractType, isCompositeType, isListType, isNonNullType, parse, parseType, typeFromAST, validate,
} from 'graphql';
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js';
import { Documents, numbersFrom } from './documents.mjs';
import { buildSchemaWithScalars } from './own-scalars.mjs';
import { BOOK, event, schema as text, send, token, url } from './setup.mjs';

const COUNT = Number(process.env.COUNT ?? 2_500);
const AT_ONCE = 8;

const schema = buildSchemaWithScalars(text);
const { bookEvent } = await send(BOOK, { id: event });
const ids = [event, bookEvent.booking.id, '01990000-0000-7000-8000-000000000000'];
// Passwords take time to check, and without its session a user could do nothing more.
const without = ['register', 'login', 'refresh', 'logout'];
const documents = new Documents(schema, numbersFrom(Number(process.env.SEED ?? 1)), { ids, without });

// Values for all variables, apart from some that may be left out.
function variablesFor() {
  const values = {};
  for (const [name, { declared }] of documents.variables) {
    if (declared.endsWith('!') || documents.chance(0.7)) values[name] = valueOf(typeFromAST(schema, parseType(declared)));
  }
  return values;
}

function valueOf(type) {
  if (isNonNullType(type)) return valueOf(type.ofType);
  if (isListType(type)) return [valueOf(type.ofType)];
  if (type.getValues) return documents.one(type.getValues()).name;
  if (type.getFields) {
    return Object.fromEntries(Object.values(type.getFields()).filter((field) => isNonNullType(field.type))
      .map((field) => [field.name, field.defaultValue ?? valueOf(field.type)]));
  }
  return { Int: 1, Float: 1.5, Boolean: documents.chance(0.5), ID: documents.one(ids), DateTime: '2026-01-01T00:00:00Z', Decimal: '49.90' }[type.name] ?? 'x';
}

// The reason why a value is not what its fields select, or undefined.
function wrong(context, type, nodes, value, path) {
  if (isNonNullType(type)) return value === null ? `${path} is null` : wrong(context, type.ofType, nodes, value, path);
  if (value === null) return undefined;
  if (isListType(type)) {
    if (!Array.isArray(value)) return `${path} is no list`;
    return firstOf(value, (item, index) => wrong(context, type.ofType, nodes, item, `${path}.${index}`));
  }
  if (!isCompositeType(type)) return typeof value === 'object' || value === undefined ? `${path} is no leaf` : undefined;
  if (typeof value !== 'object' || Array.isArray(value)) return `${path} is no object`;
  const possible = isAbstractType(type) ? schema.getPossibleTypes(type) : [type];
  const reasons = possible.map((object) => {
    const fields = collectSubfields(schema, context.fragments, context.variables, object, nodes);
    return wrongObject(context, object, fields, value, path);
  });
  return reasons.includes(undefined) ? undefined : reasons.join(', or ');
}

function wrongObject(context, object, fields, value, path) {
  const [expected, found] = [[...fields.keys()].join(' '), Object.keys(value).join(' ')];
  if (expected !== found) return `${path} has "${found}" instead of "${expected}"`;
  return firstOf([...fields], ([key, nodes]) => {
    const name = nodes[0].name.value;
    if (name === '__typename') return value[key] === object.name ? undefined : `${path}.${key} is not ${object.name}`;
    const { type } = schema.getType(object.name).getFields()[name];
    return wrong(context, type, nodes, value[key], `${path}.${key}`);
  });
}

function firstOf(items, reasonOf) {
  for (const [index, item] of items.entries()) {
    const reason = reasonOf(item, index);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

// Each error is about a field that is null, or that has become part of a null.
function wrongError({ path }, data) {
  let value = data;
  for (const segment of path) {
    if (value === null) return undefined;
    value = value[segment];
  }
  return value === null ? undefined : `${path.join('.')} failed and is ${JSON.stringify(value)}`;
}

async function check(query, variables, isSignedIn) {
  const document = parse(query);
  const [operation] = document.definitions.filter(({ kind }) => kind === 'OperationDefinition');
  if (operation.operation === 'subscription' || validate(schema, document).length) return;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(isSignedIn && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = await response.json();
  const asked = `${query} ${JSON.stringify(variables)} ${JSON.stringify({ data, errors })}`;
  if (data === undefined || (data === null && errors.every(({ path }) => !path))) {
    // Such a request is refused as a whole: it is too large, or a condition is null.
    assert.ok(errors.length, asked);
    count.refused += 1;
    return;
  }
  const root = operation.operation === 'query' ? schema.getQueryType() : schema.getMutationType();
  const defaults = Object.fromEntries((operation.variableDefinitions ?? []).filter((one) => one.defaultValue?.kind === 'BooleanValue')
    .map((one) => [one.variable.name.value, one.defaultValue.value]));
  const context = {
    fragments: Object.fromEntries(document.definitions.filter(({ kind }) => kind === 'FragmentDefinition').map((of) => [of.name.value, of])),
    variables: { ...defaults, ...variables },
  };
  const fields = collectFields(schema, context.fragments, context.variables, root, operation.selectionSet);
  const reason = data === null ? undefined : wrongObject(context, root, fields, data, 'data');
  assert.equal(reason ?? firstOf(errors, (error) => wrongError(error, data)), undefined, asked);
  if (data === null) assert.ok(errors.length, asked);
  count[errors.length ? 'withErrors' : 'whole'] += 1;
}

const WRITTEN = [
  '{ me { id bookings(after: "x") { totalCount } } }',
  '{ me @include(if: false) { id } }',
  '{ events { nodes { id @skip(if: true) } } }',
  `{ node(id: "${event}") { ... on Booking { id } } }`,
  '{ events(first: 1) { totalCount nodes { price { currency amount } title id } pageInfo { hasNextPage } edges { cursor } } me { name id } }',
  `mutation { a: bookEvent(input: { eventId: "${event}" }) { __typename } ... { a: bookEvent(input: { eventId: "${event}" }) { ... on Problem { message } } } }`,
  'mutation { bookEvent(input: { eventId: "x" }) { __typename } logout }',
];
const count = { whole: 0, withErrors: 0, refused: 0 };
for (const query of WRITTEN) for (const isSignedIn of [true, false]) await check(query, {}, isSignedIn);
let left = COUNT;
async function checkAll() {
  while (left > 0) {
    left -= 1;
    const query = documents.make();
    await check(query, variablesFor(), documents.chance(0.7));
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, checkAll));
console.log(`checked ${count.whole} answers without errors and ${count.withErrors} with errors; ${count.refused} requests were refused`);
assert.ok(count.whole > COUNT / 10 && count.withErrors > COUNT / 100);
