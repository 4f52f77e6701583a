//! Checks documents against the schema before anything of them is executed.
//! <https://spec.graphql.org/September2025/#sec-Validation>
//!
//! A document's validity depends on its text alone, never on variables, so it is found out once. The
//! rules are those of graphql-js, which is their reference implementation: a test compares the two
//! for thousands of documents. async-graphql's own rules accept more (input fields that are given
//! twice, strings for enums, fields of `__typename`), and take longer.
//!
//! Rules run in three steps. Each relies on what the steps before it have made sure of, and the
//! expensive ones come last.

mod check;
mod conflicts;
mod definitions;
mod introspection_depth;
pub(in crate::graphql) mod schema;
mod selections;
mod subscriptions;
mod suggestion;
mod values;
mod variables;

use super::language::ast::Document;
use check::Check;
pub(in crate::graphql) use check::{Disclosure, MAX_PROBLEMS, Problem};
use schema::Schema;
pub(in crate::graphql) use values::{field_within, listed};

/// Checks a document's definitions and its selections. Takes time in proportion to its text.
pub(in crate::graphql) fn check_selections(
    schema: &Schema,
    document: &Document<'_>,
    disclosure: Disclosure,
) -> Result<(), Vec<Problem>> {
    let mut check = Check::new(schema, document, disclosure);
    definitions::check(&mut check);
    selections::check(&mut check);
    check.finish()
}

/// Checks what depends on how fragments are used. The document must have passed
/// [`check_selections`], and its size with its fragments written out must be limited.
pub(in crate::graphql) fn check_uses(
    schema: &Schema,
    document: &Document<'_>,
    disclosure: Disclosure,
) -> Result<(), Vec<Problem>> {
    let mut check = Check::new(schema, document, disclosure);
    variables::check(&mut check);
    subscriptions::check(&mut check);
    introspection_depth::check(&mut check);
    conflicts::check(&mut check);
    check.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{super::language::parse, *};

    fn problems_with(text: &str, disclosure: Disclosure) -> Vec<String> {
        let (schema, document) = (Schema::of_server(), parse(text).unwrap());
        let checked = check_selections(&schema, &document, disclosure)
            .and_then(|()| check_uses(&schema, &document, disclosure));
        checked.err().into_iter().flatten().map(|problem| problem.message).collect()
    }

    fn problems(text: &str) -> Vec<String> {
        problems_with(text, Disclosure::Schema)
    }

    #[test]
    fn valid_documents_are_accepted() {
        for text in [
            "{ __typename me { ...A bookings(first: 1) { nodes { id } } } } fragment A on User { id }",
            "query($id: ID!, $more: Boolean = true) { event(id: $id) { id ... @include(if: $more) { title } } }",
            "mutation($n: Int) { bookEvent(input: { eventId: 7, quantity: $n }) { \
                ... on Problem { message } ... on BookEventSuccess { booking { id } } } }",
            "subscription { remainingTickets(eventIds: \"x\") { eventId } remainingTickets(eventIds: \"x\") { version } }",
            "query A { me { id } } query B { a: me { id } }",
            "query($f: EventOrderField!) { events(orderBy: { field: $f }) { totalCount } }",
        ] {
            assert_eq!(problems(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn each_rule_says_what_is_wrong() {
        for (text, message) in [
            ("{ me { id } } { me { id } }", "an operation without a name"),
            (
                "query A { __typename } query A { __typename }",
                "more than one operation named \"A\"",
            ),
            ("{ me { nme } }", "no field \"nme\" on type \"User\". Did you mean \"name\"?"),
            (
                "mutation { bookEvent(input: { eventId: 7 }) { booking { id } } }",
                "Ask for it in \"... on AlreadyBooked { … }\" or \"... on BookEventSuccess { … }\".",
            ),
            (
                "mutation { bookEvent(input: { eventId: 7 }) { message } }",
                "on type \"BookEventResult\". Ask for it in \"... on Problem { … }\".",
            ),
            (
                "mutation { bookEvent(input: { eventId: 7 }) { ... on Problem { remainingTickets } } }",
                "on type \"Problem\". Ask for it in \"... on SoldOut { … }\".",
            ),
            ("{ me }", "needs a selection of fields"),
            ("{ __typename { x } }", "has no fields to select"),
            ("{ me { ...A } }", "no fragment named \"A\""),
            ("{ me { id } } fragment A on User { id }", "never used"),
            ("{ me { ...A } } fragment A on User { id ...A }", "contains itself"),
            ("{ me { ... on Event { id } } }", "never apply"),
            ("{ me { ... on Evnt { id } } }", "no type \"Evnt\""),
            ("{ me { ... on ID { id } } }", "no fields"),
            ("{ event { id } }", "needs the argument \"id\""),
            ("{ event(id: 1, id: 1) { id } }", "given more than once"),
            ("{ event(id: 1, x: 1) { id } }", "no argument \"x\""),
            ("{ me @skip { id } }", "needs the argument \"if\""),
            ("{ me @skp(if: true) { id } }", "no directive \"@skp\""),
            ("query @skip(if: true) { me { id } }", "not allowed here"),
            ("{ me @skip(if: true) @skip(if: true) { id } }", "more than once"),
            ("{ events(first: \"1\") { totalCount } }", "must be of type \"Int\""),
            ("{ events(first: 2147483648) { totalCount } }", "must be of type \"Int\""),
            ("{ events(orderBy: { field: \"PRICE\" }) { totalCount } }", "EventOrderField"),
            (
                "{ events(filter: { startsAfter: \"soon\" }) { totalCount } }",
                "Write a time as a string",
            ),
            ("{ events(filter: { startsAfter: 7 }) { totalCount } }", "of type \"DateTime\""),
            (
                "{ events(filter: { maxPrice: { amount: \"\", currency: \"EUR\" } }) { totalCount } }",
                "such as \"49.90\"",
            ),
            (
                "query($a: DateTime = \"soon\") { events(filter: { startsAfter: $a }) { totalCount } }",
                "of type \"DateTime\"",
            ),
            ("{ events(orderBy: null) { totalCount } }", "must not be null"),
            ("{ events(orderBy: {}) { totalCount } }", "needs the field \"field\""),
            ("{ events(orderBy: { field: DATE, field: DATE }) { totalCount } }", "more than once"),
            ("query($a: Int, $a: Int) { events(first: $a) { totalCount } }", "more than once"),
            ("query($a: Int) { me { id } }", "never used"),
            ("query($a: Evnt) { me { id } }", "no type \"Evnt\""),
            ("query($a: Event) { me { id } }", "not an input type"),
            ("{ events(first: $a) { totalCount } }", "not declared"),
            ("query($a: String) { events(first: $a) { totalCount } }", "type \"String\""),
            ("{ a: me { id } a: event(id: 1) { id } }", "different fields"),
            ("{ a: event(id: 1) { id } a: event(id: 2) { id } }", "different arguments"),
            ("{ me { id id: email } }", "different fields"),
            ("subscription { __typename }", "can't select"),
            (
                "subscription { a: remainingTickets { version } b: remainingTickets { version } }",
                "one field",
            ),
        ] {
            let found = problems(text);
            assert!(found.iter().any(|found| found.contains(message)), "{text}: {found:?}");
        }
    }

    #[test]
    fn nothing_of_the_schema_is_told() {
        for text in [
            "{ me { nme } }",
            "{ me }",
            "{ event { id } }",
            "{ __schema { types { name } } }",
            "{ __type(name: \"User\") { name } }",
            "{ me { ... on Event { id } } }",
            "mutation { bookEvent(input: {}) { __typename } }",
            "mutation { bookEvent(input: { eventId: 7 }) { booking { id } } }",
            "{ events(first: \"1\", orderBy: { feld: DATE }) { totalCount } }",
            "{ events(filter: { startsAfter: 7 }) { totalCount } }",
            "query($a: Evnt, $b: Int) { event(id: $b) { id } }",
            "query($b: Int) { event(id: $b) { id } }",
            "{ event(id: 1) { a: remainingTickets a: title } }",
        ] {
            let found = problems_with(text, Disclosure::Nothing);
            assert!(!found.is_empty(), "{text}");
            let words = |text: &str| {
                let words = text.split(|char: char| !char.is_alphanumeric());
                words.map(str::to_owned).collect::<HashSet<_>>()
            };
            let (known, own) = (words(&crate::graphql::sdl()), words(text));
            // Words of the schema, descriptions included, that are not plain English.
            let told = known.difference(&own).filter(|word| {
                word.chars().skip(1).any(char::is_uppercase)
                    || ["User", "Query", "String", "Int", "name", "title"].contains(&word.as_str())
            });
            for word in told {
                let tells = found.iter().find(|message| words(message).contains(word));
                assert_eq!(tells, None, "{text}: {word}");
            }
        }
    }
}
