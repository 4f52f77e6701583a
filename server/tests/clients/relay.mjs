// Relay: its compiler accepts the schema. Its runtime pages through a connection and refetches a
// node by its id.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import relay from 'relay-runtime';
import { event, schema, send } from './setup.mjs';

const SOURCE = `import { graphql } from 'relay-runtime';
graphql\`query EventsQuery { ...Events_list }\`;
graphql\`fragment Events_list on Query
  @refetchable(queryName: "EventsPageQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" }) {
    events(first: $count, after: $cursor) @connection(key: "Events_events") {
      edges { node { id title } }
      pageInfo { endCursor hasNextPage }
    }
  }\`;
graphql\`fragment Events_count on Event @refetchable(queryName: "EventsCountQuery") {
  remainingTickets
}\`;
`;

// The generated files are within this folder, so that they find the packages.
const folder = mkdtempSync(resolve('relay-'));
try {
  const config = { src: '.', schema: 'schema.graphql', language: 'javascript', eagerEsModules: false };
  writeFileSync(join(folder, 'Events.js'), SOURCE);
  writeFileSync(join(folder, 'relay.config.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'schema.graphql'), schema);
  writeFileSync(join(folder, 'package.json'), '{}');
  execFileSync('node', [resolve('node_modules/relay-compiler/cli.js')], { cwd: folder });
  const generated = createRequire(join(folder, '__generated__', 'all.js'));

  const environment = new relay.Environment({
    network: relay.Network.create(async ({ text }, variables) => ({ data: await send(text, variables) })),
    store: new relay.Store(new relay.RecordSource()),
  });
  const fetch = (query, variables) => relay.fetchQuery(environment, query, variables).toPromise();
  const [query, list] = [generated('./EventsQuery.graphql'), generated('./Events_list.graphql')];
  const descriptor = relay.createOperationDescriptor(query, {});
  environment.retain(descriptor);
  const events = () => {
    const fragment = environment.lookup(descriptor.fragment).data;
    return environment.lookup(relay.getSelector(list, fragment)).data.events;
  };
  await fetch(query, {});
  assert.equal(events().edges.length, 2);
  await fetch(generated('./EventsPageQuery.graphql'), { count: 2, cursor: events().pageInfo.endCursor });
  const ids = events().edges.map(({ node }) => node.id);
  assert.equal(new Set(ids).size, 4, 'the second page is appended to the first');

  const { node } = await fetch(generated('./EventsCountQuery.graphql'), { id: event });
  assert.ok(node.__fragments.Events_count, 'the event is found by its id');
} finally {
  rmSync(folder, { recursive: true });
}
