//! The events that a list has, and their order.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Utc};
use rowlock_entities::event;
use sea_orm::sea_query::Expr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    price::price_key,
    scope::{EventScope, PRICE_KEY},
};

/// The key that a list of events is sorted by. The id breaks ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SortKey {
    Date,
    Price,
    Title,
}

/// An event's value of a [`SortKey`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum SortValue {
    #[serde(rename = "d", with = "chrono::serde::ts_microseconds")]
    Date(DateTime<Utc>),
    /// In ten-thousandths. An earlier version had minor units, with the letter p.
    #[serde(rename = "a")]
    Price(i64),
    #[serde(rename = "t")]
    Title(String),
}

/// An event's place in a sorted list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(super) value: SortValue,
    pub(super) id: Uuid,
}

impl SortKey {
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Date => "starts_at",
            Self::Price => PRICE_KEY,
            Self::Title => "title_key",
        }
    }

    /// The place of `event` in a list sorted by this key.
    pub(crate) fn position(self, event: &event::Model) -> Position {
        let value = match self {
            Self::Date => SortValue::Date(event.starts_at),
            Self::Price => SortValue::Price(price_key(event)),
            Self::Title => SortValue::Title(event.title_key.clone()),
        };
        Position { value, id: event.id.0 }
    }

    /// Whether a position can be one of a list sorted by this key. Cursors are not signed, so a
    /// position may hold a value that can't be in the database.
    pub(crate) fn accepts(self, position: &Position) -> bool {
        position.value.key() == self && position.value.can_be_stored()
    }
}

impl SortValue {
    fn key(&self) -> SortKey {
        match self {
            Self::Date(_) => SortKey::Date,
            Self::Price(_) => SortKey::Price,
            Self::Title(_) => SortKey::Title,
        }
    }

    fn can_be_stored(&self) -> bool {
        match self {
            Self::Date(date) => (0..=9999).contains(&date.year()),
            Self::Price(_) => true,
            Self::Title(title) => !title.contains('\0'),
        }
    }

    pub(super) fn into_expr(self) -> Expr {
        match self {
            Self::Date(date) => Expr::val(date),
            Self::Price(price) => Expr::val(price),
            Self::Title(title) => Expr::val(title),
        }
    }
}

/// The events that a list has, and their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EventFilter {
    /// Each of these is in the title, the venue or the city. They are in the form of
    /// [`super::search_words`].
    pub(super) words: BTreeSet<String>,
    pub(super) scope: EventScope,
    pub(crate) key: SortKey,
    pub(super) is_descending: bool,
}

impl EventFilter {
    /// Events of this scope with all of these [`super::search_words`] in their title, venue or city.
    pub(crate) fn new(
        words: BTreeSet<String>,
        scope: EventScope,
        key: SortKey,
        is_descending: bool,
    ) -> Self {
        Self { words, scope, key, is_descending }
    }

    /// Events of this scope, those first that start last.
    pub(crate) fn latest_first(scope: EventScope) -> Self {
        Self::new(BTreeSet::new(), scope, SortKey::Date, true)
    }

    /// Whether the list depends on keys that an event may lack for a moment.
    pub(super) fn needs_keys(&self) -> bool {
        !self.words.is_empty() || self.key == SortKey::Title || self.scope.has_city()
    }

    /// The same events in one fixed order, so that counts of the list in any order are equal reads.
    pub(super) fn unordered(&self) -> Self {
        Self {
            words: self.words.clone(),
            scope: self.scope.clone(),
            key: SortKey::Date,
            is_descending: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_belongs_to_lists_of_its_own_order() {
        let at = |value| Position { value, id: Uuid::nil() };
        let date = at(SortValue::Date(DateTime::UNIX_EPOCH));
        assert!(SortKey::Date.accepts(&date));
        assert!(!SortKey::Price.accepts(&date) && !SortKey::Title.accepts(&date));
        assert!(SortKey::Price.accepts(&at(SortValue::Price(i64::MIN))));
        assert!(!SortKey::Title.accepts(&at(SortValue::Title("a\0".to_owned()))));
        assert!(!SortKey::Date.accepts(&at(SortValue::Date(DateTime::<Utc>::MAX_UTC))));
    }
}
