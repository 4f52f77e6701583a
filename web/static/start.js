import init from "{{app.js}}";

// What is on the page already is seen before the work begins that keeps the browser from showing it; in a
// tab that nobody looks at there are no frames to wait for.
await new Promise((seen) => {
  requestAnimationFrame(() => setTimeout(seen));
  setTimeout(seen, 100);
});
init({ module_or_path: "{{app.wasm}}" });
