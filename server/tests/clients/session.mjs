// urql and Apollo Client with their default options, in Node.

import { connect, createServer } from 'node:net';
import WebSocket from 'ws';
import { event, url } from './setup.mjs';
import { NAMES, walkThrough } from './walkthrough.mjs';

// A proxy whose connections can be cut.
const connections = new Set();
const { hostname, port, pathname } = new URL(url);
const proxy = createServer((client) => {
  const server = connect(Number(port), hostname);
  for (const [from, to] of [[client, server], [server, client]]) {
    connections.add(from);
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => { connections.delete(from); to.destroy(); });
  }
});
await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
const breakConnections = async () => {
  for (const connection of connections) connection.destroy();
};

// Node has no cookies of its own.
const makeFetch = () => {
  const cookies = new Map();
  return async (input, init) => {
    const headers = new Headers(init.headers);
    headers.set('cookie', [...cookies].map((pair) => pair.join('=')).join('; '));
    const answer = await fetch(input, { ...init, headers });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value) cookies.set(name, value); else cookies.delete(name);
    }
    return answer;
  };
};

for (const name of NAMES) {
  const options = {
    url: `http://127.0.0.1:${proxy.address().port}${pathname}`,
    fetch: makeFetch(),
    webSocketImpl: WebSocket,
  };
  console.log(name);
  await walkThrough(name, options, event, breakConnections);
}
process.exit(0);
