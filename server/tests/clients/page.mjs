// The walk through the client libraries, for a page. A test bundles this with esbuild, starts
// `walk`, and breaks the connections when `isWaitingForBreak` is true.

import { walkThrough } from './walkthrough.mjs';

window.walk = (name, options, event) => {
  window.outcome = null;
  const breakConnections = () => new Promise((resolve) => {
    window.isWaitingForBreak = true;
    window.goOn = () => { window.isWaitingForBreak = false; resolve(); };
  });
  walkThrough(name, options, event, breakConnections).then(
    () => { window.outcome = 'done'; },
    (error) => { window.outcome = `${error}\n${error.stack}`; },
  );
};
