// Opens GraphQL Playground for the API of this page's origin.
window.addEventListener("load", () => {
  const socketScheme = location.protocol === "https:" ? "wss" : "ws";
  GraphQLPlayground.init(document.getElementById("root"), {
    endpoint: `${location.origin}/graphql`,
    subscriptionEndpoint: `${socketScheme}://${location.host}/graphql`,
    settings: { "request.credentials": "same-origin" },
  });
});
