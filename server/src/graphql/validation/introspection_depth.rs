//! Introspection follows lists of types into lists of types, and each level multiplies the answer.

use std::collections::HashMap;

use super::check::Check;
use crate::graphql::language::ast::Selection;

/// Lists within lists of a type that are too many, as graphql-js has it.
const MAX_LISTS: usize = 3;

pub(super) fn check(check: &mut Check<'_>) {
    let operations = check.document.operations.iter().map(|of| &*of.selections);
    let fragments = check.document.fragments.iter().map(|of| &*of.selections);
    let mut unvisited = operations.chain(fragments).collect::<Vec<_>>();
    let mut checked = HashMap::new();
    while let Some(selections) = unvisited.pop() {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    if matches!(field.name, "__schema" | "__type")
                        && is_too_deep(check, &field.selections, 0, &mut checked)
                    {
                        check.refuse(field.pos, "This introspection is nested too deep.");
                    }
                    unvisited.push(&field.selections);
                }
                Selection::Inline(inline) => unvisited.push(&inline.selections),
                Selection::Spread(_) => {}
            }
        }
    }
}

/// `checked` has the largest number of lists around each fragment that was not too deep.
fn is_too_deep<'a>(
    check: &Check<'a>,
    selections: &'a [Selection<'a>],
    lists: usize,
    checked: &mut HashMap<&'a str, usize>,
) -> bool {
    selections.iter().any(|selection| match selection {
        Selection::Field(field) => {
            let is_list =
                matches!(field.name, "fields" | "interfaces" | "possibleTypes" | "inputFields");
            let lists = lists + usize::from(is_list);
            lists >= MAX_LISTS || is_too_deep(check, &field.selections, lists, checked)
        }
        Selection::Inline(inline) => is_too_deep(check, &inline.selections, lists, checked),
        Selection::Spread(spread) => {
            if checked.get(spread.name).is_some_and(|checked| *checked >= lists) {
                return false;
            }
            let Some(fragment) = check.fragments.get(spread.name) else { return false };
            let is_too_deep = is_too_deep(check, &fragment.selections, lists, checked);
            if !is_too_deep {
                checked.insert(spread.name, lists);
            }
            is_too_deep
        }
    })
}
