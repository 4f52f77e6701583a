// The tabs that both IDEs open with: the way from signing in to booking, with the demo data.

const jazzNight = '01990000-0000-7000-8000-000000000004';

export const firstTabs = [
  {
    name: 'SignIn',
    query: `# 1. Sign in as Ada, a user of the demo data.
# 2. Copy the accessToken from the answer:
#    the tab "Book" needs it.

mutation SignIn($input: LoginInput!) {
  login(input: $input) {
    accessToken
    accessTokenExpiresAt
    user {
      name
    }
  }
}
`,
    variables: { input: { email: 'ada@example.org', password: 'ada-demo-1' } },
  },
  {
    name: 'Look',
    query: `# Find an event. This needs no access token.

query Look($first: Int, $search: String) {
  events(first: $first, search: $search) {
    totalCount
    nodes {
      id
      title
      startsAt
      venue
      remainingTickets
      price {
        amount
        currency
      }
    }
  }
}
`,
    variables: { first: 5, search: '' },
  },
  {
    name: 'Watch',
    query: `# Watch how many tickets are left. Leave this
# running, and book Jazz Night in another window:
# the new count appears here at once.

subscription Watch($eventIds: [ID!]) {
  remainingTickets(eventIds: $eventIds) {
    remainingTickets
    totalTickets
    event {
      title
    }
  }
}
`,
    variables: { eventIds: [jazzNight] },
  },
  {
    name: 'Book',
    query: `# Book two tickets. First put the access token
# into the headers, below.
# Run it again: you have already booked.

mutation Book($input: BookEventInput!) {
  bookEvent(input: $input) {
    __typename
    ... on BookEventSuccess {
      booking {
        id
        quantity
        event {
          title
          remainingTickets
        }
      }
    }
    ... on Problem {
      message
    }
  }
}
`,
    variables: { input: { eventId: jazzNight, quantity: 2 } },
    headers: { Authorization: 'Bearer <accessToken>' },
  },
];
