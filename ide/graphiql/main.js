// Opens GraphiQL for the API of this page's origin.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';

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

// Each subscription opens its own socket, and signs in with the headers that the pane "Headers" has then.
const fetcher = (parameters, options) => {
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

const welcome = `# Rowlock's API. Run this query with Ctrl-Enter.
#
# To book, sign in first, and put the access token into the pane "Headers":
# { "Authorization": "Bearer …" }

{
  events(first: 5) {
    nodes {
      id
      title
      remainingTickets
    }
  }
}
`;
createRoot(document.getElementById('root')).render(
  createElement(GraphiQL, { fetcher, defaultQuery: welcome, isHeadersEditorEnabled: true }),
);
