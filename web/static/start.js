// What is on the page already is seen before the work begins that keeps the browser from showing it; in a
// tab that nobody looks at there are no frames to wait for.
await new Promise((seen) => {
  requestAnimationFrame(() => setTimeout(seen));
  setTimeout(seen, 100);
});
try {
  const { default: init } = await import("{{app.js}}");
  await init({ module_or_path: "{{app.wasm}}" });
} catch (error) {
  console.error(error);
  const loading = document.querySelector("#shell .loading");
  if (loading) {
    loading.textContent = "Rowlock could not start here. Please reload the page, or try a newer browser.";
  }
}
