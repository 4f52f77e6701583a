// Opens GraphiQL on the API of the origin that this page came from.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';

// The editor's helpers, each bundled into a file beside this one.
const workers = { json: 'json.js', graphql: 'graphql.js' };
globalThis.MonacoEnvironment = {
  getWorker: (_, label) => {
    const file = new URL(workers[label] ?? 'editor.js', import.meta.url);
    return new Worker(file, { type: 'module' });
  },
};

const url = `${location.origin}/graphql`;
const answer = createGraphiQLFetcher({ url });

// A subscription has a socket of its own, which the token of the pane "Headers" speaks for as it is then.
const fetcher = (parameters, options) => {
  if (!isSubscription(parameters)) return answer(parameters, options);
  const socket = createClient({
    url: url.replace('http', 'ws'),
    connectionParams: options?.headers ?? {},
  });
  return socket.iterate(parameters);
};

// What GraphiQL itself knows of the operation lags behind what is written.
function isSubscription({ query, operationName }) {
  try {
    return getOperationAST(parse(query), operationName)?.operation === 'subscription';
  } catch {
    return false; // What is no query is the server's to refuse.
  }
}

const welcome = `# Rowlock's API. Run what stands here with Ctrl-Enter.
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
