// Lets the browser show the static page before it starts compiling. A hidden tab shows nothing, so the
// timer goes on without that.
await new Promise((resolve) => {
  new PerformanceObserver(resolve).observe({ type: "paint", buffered: true });
  setTimeout(resolve, 100);
});
try {
  const { default: init } = await import("{{app.js}}");
  await init({ module_or_path: "{{app.wasm}}" });
} catch (error) {
  console.error(error);
  const loading = document.querySelector("#shell .loading");
  if (loading) {
    loading.classList.remove("hidden");
    loading.textContent = "Rowlock couldn't start. Please reload the page or try a newer browser.";
  }
}
