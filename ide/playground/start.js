// Opens GraphQL Playground for the API of this page's origin.
import { firstTabs } from "./first-tabs.js";

const endpoint = `${location.origin}/graphql`;

// Playground replaces a visitor's own tabs by those that it is given, and keeps them in the storage by itself.
// An address can bring its own tabs, too.
function tabs() {
  const address = new URLSearchParams(location.search);
  if (localStorage.getItem("graphql-playground") || address.has("query") || address.has("tabs")) return undefined;
  return firstTabs.map(({ variables, ...tab }) => ({
    ...tab,
    endpoint,
    variables: JSON.stringify(variables, null, 2),
  }));
}

window.addEventListener("load", () => {
  const socketScheme = location.protocol === "https:" ? "wss" : "ws";
  GraphQLPlayground.init(document.getElementById("root"), {
    endpoint,
    subscriptionEndpoint: `${socketScheme}://${location.host}/graphql`,
    settings: { "request.credentials": "same-origin" },
    tabs: tabs(),
  });
});
