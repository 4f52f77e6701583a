// Lets the browser paint the static page before it starts compiling. A hidden tab paints no frames, so the
// timer goes on without one.
await new Promise((resolve) => {
  requestAnimationFrame(() => setTimeout(resolve));
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
