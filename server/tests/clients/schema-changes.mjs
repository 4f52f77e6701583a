// Every breaking change of the schema since its last release must be declared, and nothing else.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { buildSchema, findBreakingChanges } from 'graphql';
import { schema } from './setup.mjs';

const released = readFileSync('released.graphql', 'utf8');
const declared = readFileSync('declared-breaking-changes.txt', 'utf8')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'));
const found = findBreakingChanges(buildSchema(released), buildSchema(schema)).map((change) => change.description);
const undeclared = found.filter((change) => !declared.includes(change));
const stale = declared.filter((change) => !found.includes(change));
assert.deepEqual(undeclared, [], 'these changes break clients: revert them, or add them to \
server/tests/clients/declared-breaking-changes.txt');
assert.deepEqual(stale, [], 'these changes are declared but were not made');

// The check itself finds a breaking change.
const broken = schema.replace('  myBooking: Booking\n', '  ownBooking: Booking\n');
assert.notEqual(broken, schema);
const changes = findBreakingChanges(buildSchema(released), buildSchema(broken));
assert.ok(changes.some((change) => change.description === 'Event.myBooking was removed.'));
