// Opens GraphiQL for the API of this page's origin.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { getOperationAST, Kind, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { firstTabs } from './first-tabs.js';

// The editor's workers. Each is bundled into a file beside this one.
const workers = { json: 'json.js', graphql: 'graphql.js' };
globalThis.MonacoEnvironment = {
  getWorker: (_, label) => {
    const file = new URL(workers[label] ?? 'editor.js', import.meta.url);
    return new Worker(file, { type: 'module' });
  },
};

const url = `${location.origin}/graphql`;
const answer = createGraphiQLFetcher({ url });

// With an `operationName` in the address, GraphiQL sends it for every tab. So it counts only where the query has it.
const chosen = new URLSearchParams(location.search).get('operationName');

// Each subscription opens its own socket, and signs in with the headers that the pane "Headers" has then.
const fetcher = ({ operationName: selected, ...rest }, options) => {
  const operationName = operationNames(rest.query).includes(selected) ? selected : undefined;
  const parameters = { ...rest, operationName };
  if (!isSubscription(parameters)) return answer(parameters, options);
  const socket = createClient({
    url: url.replace('http', 'ws'),
    connectionParams: options?.headers ?? {},
  });
  return socket.iterate(parameters);
};

// Reads the text itself, as GraphiQL's own information about the operation is not always up to date.
function isSubscription({ query, operationName }) {
  try {
    return getOperationAST(parse(query), operationName)?.operation === 'subscription';
  } catch {
    return false; // The server refuses it with a message.
  }
}

// The names of the operations in a text; none if it can't be read.
function operationNames(query) {
  try {
    return parse(query).definitions.flatMap(({ kind, name }) =>
      kind === Kind.OPERATION_DEFINITION && name ? [name.value] : []);
  } catch {
    return [];
  }
}

const text = (value) => JSON.stringify(value, null, 2);
const ownTabs = firstTabs.map(({ query, variables, headers }) => ({
  query,
  variables: text(variables),
  headers: headers && text(headers),
}));

// A link can bring an operation: it gets a tab of its own, beside those that the visitor has.
function initial() {
  const address = new URLSearchParams(location.search);
  const query = address.get('query');
  if (!query) {
    // On a first visit, GraphiQL takes the first tab's query into the editor, but not its variables.
    const isFirstVisit = !localStorage.getItem('graphiql:tabState');
    return { defaultTabs: ownTabs, initialVariables: isFirstVisit ? ownTabs[0].variables : undefined };
  }
  const variables = address.get('variables') ?? '';
  return {
    defaultTabs: [{ query, variables }, ...ownTabs],
    initialQuery: query,
    initialVariables: variables,
    operationName: chosen ?? undefined,
  };
}

createRoot(document.getElementById('root')).render(
  createElement(GraphiQL, { fetcher, isHeadersEditorEnabled: true, ...initial() }),
);
