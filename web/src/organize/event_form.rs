//! The texts in the form of an event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! fields {
    ($($field:ident $name:literal $label:literal)*) => {
        /// A field of the form.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum EventField { $($field),* }

        impl EventField {
            /// In the order of the form.
            pub(super) const ALL: [Self; [$($name),*].len()] = [$(Self::$field),*];

            /// The name that the server gives it, and the draft in the browser's storage.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$field => $name),* }
            }

            pub(super) fn label(self) -> &'static str {
                match self { $(Self::$field => $label),* }
            }
        }
    };
}

fields! {
    Title "title" "Title"
    Description "description" "Description"
    Venue "venue" "Venue"
    City "city" "City"
    TimeZone "timeZone" "Time zone"
    StartsAt "startsAt" "Start"
    EndsAt "endsAt" "End"
    Price "price" "Price of a ticket"
    Currency "currency" "Currency"
    TotalTickets "totalTickets" "Number of tickets"
    MaxPerBooking "maxPerBooking" "Most tickets per booking"
    SalesStartAt "salesStartAt" "Sale begins"
    SalesEndAt "salesEndAt" "Sale ends"
}

impl EventField {
    /// The field with a name that the server uses in its messages.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "price.amount" => Some(Self::Price),
            "price.currency" => Some(Self::Currency),
            name => Self::ALL.into_iter().find(|field| field.name() == name),
        }
    }
}

/// A text for each field, as somebody typed it. Fields without text are left out, so that forms with
/// the same texts are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct EventForm(BTreeMap<String, String>);

impl EventForm {
    pub(super) fn get(&self, field: EventField) -> &str {
        self.0.get(field.name()).map(String::as_str).unwrap_or_default()
    }

    pub(super) fn set(&mut self, field: EventField, text: impl Into<String>) {
        let text = text.into();
        match text.is_empty() {
            true => self.0.remove(field.name()),
            false => self.0.insert(field.name().to_owned(), text),
        };
    }

    pub(super) fn with(mut self, field: EventField, text: impl Into<String>) -> Self {
        self.set(field, text);
        self
    }
}
