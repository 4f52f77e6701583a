//! Counts that a subscription sends without async-graphql.
//!
//! While a subscription goes on, async-graphql keeps its document, its variables and the state of
//! its execution, half of what a socket with one subscription takes. Most subscriptions to
//! `remainingTickets` select nothing but what a count holds itself. async-graphql begins these as it
//! begins all others. Then their resolver hands the counts over, async-graphql's stream ends, and each
//! count is answered from here.

use std::{future::ready, sync::Arc};

use async_graphql::{
    Name, Response, Value, indexmap,
    parser::types::{OperationDefinition, OperationType, Selection},
};
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;

use super::merged_selection::TYPE_MARKER;
use crate::live::TicketCount;

/// What a subscription selects of each count.
#[derive(Debug)]
pub(super) struct CountSelection {
    /// The name that `remainingTickets` has in the answer.
    name: Name,
    /// The names in the answer, and what they stand for.
    fields: Vec<(Name, CountField)>,
}

/// A field of `TicketUpdate` whose value a count holds.
#[derive(Clone, Copy, Debug)]
enum CountField {
    Typename,
    EventId,
    RemainingTickets,
    TotalTickets,
    Version,
}

impl CountField {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "__typename" => Self::Typename,
            "eventId" => Self::EventId,
            "remainingTickets" => Self::RemainingTickets,
            "totalTickets" => Self::TotalTickets,
            "version" => Self::Version,
            _ => return None,
        })
    }

    fn of(self, count: &TicketCount) -> Value {
        match self {
            Self::Typename => Value::from("TicketUpdate"),
            Self::EventId => Value::String(count.event_id.0.to_string()),
            Self::RemainingTickets => Value::from(count.remaining),
            Self::TotalTickets => Value::from(count.total),
            Self::Version => Value::from(count_version(count)),
        }
    }
}

/// A count's version as the API gives it.
pub(in crate::graphql) fn count_version(count: &TicketCount) -> i32 {
    i32::try_from(count.version).unwrap_or(i32::MAX)
}

/// The place where a resolver leaves its counts. Clones are the same place.
#[derive(Clone, Default)]
pub(in crate::graphql) struct Handover(Arc<Mutex<Option<BoxStream<'static, TicketCount>>>>);

impl Handover {
    pub(in crate::graphql) fn put(&self, counts: BoxStream<'static, TicketCount>) {
        *self.0.lock() = Some(counts);
    }
}

impl CountSelection {
    /// What a [merged](super::merged_selection) operation selects; `None` if it is no subscription to
    /// counts, or selects more than a count holds.
    pub(super) fn of(operation: &OperationDefinition) -> Option<Self> {
        let [only] = &*operation.selection_set.node.items else { return None };
        let Selection::Field(root) = &only.node else { return None };
        if operation.ty != OperationType::Subscription || root.node.name.node != "remainingTickets"
        {
            return None;
        }
        let fields = root.node.selection_set.node.items.iter().map(|item| match &item.node {
            Selection::Field(field) => {
                let name = &field.node.response_key().node;
                let of = CountField::named(&field.node.name.node)?;
                (name != TYPE_MARKER).then(|| (name.clone(), of))
            }
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
        });
        let fields = fields.collect::<Option<Vec<_>>>()?;
        Some(Self { name: root.node.response_key().node.clone(), fields })
    }

    /// The answers to the counts that are handed over while async-graphql's stream runs. If the
    /// subscription can't begin, that stream has the error, and so has this one.
    pub(super) fn answers(
        self,
        handover: Handover,
        mut beginning: BoxStream<'static, Response>,
    ) -> BoxStream<'static, Response> {
        // Once the counts are there, this future is dropped, and async-graphql's stream with it.
        let begin = Box::pin(async move {
            if let Some(failed) = beginning.next().await {
                return stream::once(ready(failed)).chain(beginning).boxed();
            }
            match handover.0.lock().take() {
                Some(counts) => counts.map(move |count| self.answer(count)).boxed(),
                None => stream::empty().boxed(),
            }
        });
        begin.flatten_stream().boxed()
    }

    fn answer(&self, count: TicketCount) -> Response {
        let fields = self.fields.iter().map(|(name, field)| (name.clone(), field.of(&count)));
        let update = Value::Object(fields.collect());
        Response::new(Value::Object(indexmap::IndexMap::from_iter([(self.name.clone(), update)])))
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn selects_only_counts(query: &str) -> bool {
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        CountSelection::of(&operation.node).is_some()
    }

    #[test]
    fn only_what_a_count_holds_is_answered_without_async_graphql() {
        for counts in [
            "subscription { remainingTickets { version } }",
            "subscription($ids: [ID!]) { all: remainingTickets(eventIds: $ids) {
                __typename eventId left: remainingTickets totalTickets version } }",
        ] {
            assert!(selects_only_counts(counts), "{counts}");
        }
        for other in [
            "subscription { remainingTickets { version event { id } } }",
            "subscription { eventUpdates(eventIds: \"x\") { version: remainingTickets } }",
            "subscription { remainingTickets { ... on TicketUpdate { version } } }",
            "{ remainingTickets { version } }",
        ] {
            assert!(!selects_only_counts(other), "{other}");
        }
    }
}
