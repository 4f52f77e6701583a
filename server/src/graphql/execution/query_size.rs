//! Measures how large a query is with its fragments written out, without writing them out.
//!
//! Thirty fragments that each spread the next one twice are a kilobyte of text and a billion
//! fields. async-graphql's first step, its own depth check, visits each of them, so this check must
//! come first.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned,
    parser::types::{ExecutableDocument, Selection, SelectionSet},
};
use async_graphql_value::Value;

/// Deeper nesting counts as endless, because measuring it takes a nested call for each level.
const MAX_DEPTH: usize = 64;

/// The size of a whole document with its fragments written out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct QuerySize {
    /// Fields, fragments, directives, and the values of arguments.
    pub(super) selections: usize,
    pub(super) depth: usize,
}

impl QuerySize {
    /// The size of a fragment that contains itself.
    const ENDLESS: Self = Self { selections: usize::MAX, depth: usize::MAX };

    pub(super) fn of(document: &ExecutableDocument) -> Self {
        let mut fragments = HashMap::new();
        let mut whole = Self::default();
        for (_, operation) in document.operations.iter() {
            let selections = &operation.node.selection_set.node;
            whole.add_sibling(Self::of_set(document, selections, &mut fragments, 0));
            let of_variables = operation.node.variable_definitions.iter();
            whole.add(of_variables.map(|variable| variable.node.directives.len()).sum());
            whole.add(operation.node.directives.len());
        }
        // async-graphql also visits fragments that nothing spreads.
        for name in document.fragments.keys() {
            whole.add_sibling(Self::of_fragment(document, name, &mut fragments, 0));
        }
        whole
    }

    fn of_set<'a>(
        document: &'a ExecutableDocument,
        set: &'a SelectionSet,
        fragments: &mut HashMap<&'a Name, Self>,
        depth: usize,
    ) -> Self {
        if depth > MAX_DEPTH {
            return Self::ENDLESS;
        }
        let depth = depth + 1;
        let mut size = Self::default();
        for selection in &set.items {
            let mut inner = match &selection.node {
                Selection::Field(field) => {
                    Self::of_set(document, &field.node.selection_set.node, fragments, depth)
                }
                Selection::InlineFragment(fragment) => {
                    Self::of_set(document, &fragment.node.selection_set.node, fragments, depth)
                }
                Selection::FragmentSpread(spread) => {
                    Self::of_fragment(document, &spread.node.fragment_name.node, fragments, depth)
                }
            };
            let directives = selection.node.directives();
            inner.add(1 + directives.len());
            for directive in directives {
                inner.add(values_of(&directive.node.arguments));
            }
            if let Selection::Field(field) = &selection.node {
                inner.add(values_of(&field.node.arguments));
            }
            inner.depth = inner.depth.saturating_add(1);
            size.add_sibling(inner);
        }
        size
    }

    fn of_fragment<'a>(
        document: &'a ExecutableDocument,
        name: &'a Name,
        fragments: &mut HashMap<&'a Name, Self>,
        depth: usize,
    ) -> Self {
        if let Some(known) = fragments.get(name) {
            return *known;
        }
        // Validation refuses unknown fragments.
        let Some(fragment) = document.fragments.get(name) else { return Self::default() };
        // A fragment that is met again before it is measured contains itself.
        fragments.insert(name, Self::ENDLESS);
        let mut size = Self::of_set(document, &fragment.node.selection_set.node, fragments, depth);
        size.add(fragment.node.directives.len());
        fragments.insert(name, size);
        size
    }

    fn add(&mut self, count: usize) {
        self.selections = self.selections.saturating_add(count);
    }

    /// Adds the size of a sibling.
    fn add_sibling(&mut self, other: Self) {
        self.add(other.selections);
        self.depth = self.depth.max(other.depth);
    }
}

/// The number of values in arguments. Validation looks at each variable wherever its fragment is
/// spread, once for each operation.
fn values_of(arguments: &[(Positioned<Name>, Positioned<Value>)]) -> usize {
    arguments.iter().map(|(_, value)| values_in(&value.node)).sum()
}

fn values_in(value: &Value) -> usize {
    1 + match value {
        Value::List(items) => items.iter().map(values_in).sum(),
        Value::Object(fields) => fields.values().map(values_in).sum(),
        _ => 0_usize,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn size(query: &str) -> (usize, usize) {
        let QuerySize { selections, depth } = QuerySize::of(&parse_query(query).unwrap());
        (selections, depth)
    }

    #[test]
    fn a_query_without_fragments_is_as_large_as_it_looks() {
        assert_eq!(size("{ a b { c { d } e } }"), (5, 3));
    }

    #[test]
    fn values_of_arguments_count() {
        assert_eq!(size("{ a(b: 1, c: [2, { d: $e }]) @f(if: true) }").0, 2 + 1 + 4 + 1);
        assert_eq!(size("{ ...A ...A } fragment A on Q { a(b: [$c, $d]) }").0, 2 + 3 * 4);
    }

    #[test]
    fn fragments_count_wherever_they_are_spread() {
        // The fragment counts in both places, and once by itself.
        assert_eq!(size("{ a { ...F } b { ...F } } fragment F on X { c d }"), (10, 3));
    }

    #[test]
    fn directives_count_wherever_they_stand() {
        let query =
            "query($x: Int @a) @b @c { d @e ... @f { g @h @i } ...J @k } fragment J on X @l { m }";
        // The fragment counts in its place, and once by itself.
        assert_eq!(size(query), (1 + 2 + 2 + 2 + 3 + 2 + 2 + 2, 2));
    }

    #[test]
    fn fragments_that_double_each_other_are_counted_at_once() {
        let fragments: String = (0..60)
            .map(|n| format!("fragment F{n} on Q {{ ...F{m} ...F{m} }} ", m = n + 1))
            .collect();
        let query = format!("{{ ...F0 }} {fragments} fragment F60 on Q {{ a }}");
        let (selections, depth) = size(&query);
        assert!(selections > 1 << 60, "{selections}");
        assert_eq!(depth, 62);
    }

    #[test]
    fn a_chain_of_fragments_is_followed_only_so_far() {
        let chain: String =
            (0..20_000).map(|n| format!("fragment F{n} on Q {{ ...F{m} }} ", m = n + 1)).collect();
        assert_eq!(size(&format!("{{ ...F0 }} {chain}")).1, usize::MAX);
    }

    #[test]
    fn a_circle_is_endless() {
        assert_eq!(
            size("{ ...A } fragment A on Q { ...B } fragment B on Q { ...A }").0,
            usize::MAX
        );
    }
}
