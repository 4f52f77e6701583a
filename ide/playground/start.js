// Opens GraphQL Playground on the API of the origin that this page came from.
window.addEventListener("load", () => {
  const socketScheme = location.protocol === "https:" ? "wss" : "ws";
  GraphQLPlayground.init(document.getElementById("root"), {
    endpoint: `${location.origin}/graphql`,
    subscriptionEndpoint: `${socketScheme}://${location.host}/graphql`,
    settings: { "request.credentials": "same-origin" },
  });
});
