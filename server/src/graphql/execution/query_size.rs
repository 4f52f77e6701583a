//! Measures how large a query is with its fragments written out, without writing them out.
//!
//! Thirty fragments that each spread the next one twice are a kilobyte of text and a billion
//! fields. All that comes after this check visits each of them.

use std::collections::HashMap;

use crate::graphql::language::ast::{Argument, Document, Fragment, Literal, Selection, Value};

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

    pub(super) fn of(document: &Document<'_>) -> Self {
        let fragments = document.fragments.iter().map(|fragment| (fragment.name, fragment));
        let mut measure = Measure { fragments: fragments.collect(), sizes: HashMap::new() };
        let mut whole = Self::default();
        for operation in &document.operations {
            whole.add_sibling(measure.set(&operation.selections, 0));
            let of_variables = operation.variables.iter();
            whole.add(of_variables.map(|variable| variable.directives.len()).sum());
            whole.add(operation.directives.len());
        }
        for fragment in &document.fragments {
            whole.add_sibling(measure.fragment(fragment.name, 0));
        }
        whole
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

struct Measure<'a> {
    fragments: HashMap<&'a str, &'a Fragment<'a>>,
    /// The sizes of those fragments that were measured.
    sizes: HashMap<&'a str, QuerySize>,
}

impl<'a> Measure<'a> {
    fn set(&mut self, set: &'a [Selection<'a>], depth: usize) -> QuerySize {
        if depth > MAX_DEPTH {
            return QuerySize::ENDLESS;
        }
        let depth = depth + 1;
        let mut size = QuerySize::default();
        for selection in set {
            let (mut inner, directives, arguments) = match selection {
                Selection::Field(of) => {
                    (self.set(&of.selections, depth), &of.directives, &*of.arguments)
                }
                Selection::Inline(of) => {
                    (self.set(&of.selections, depth), &of.directives, [].as_slice())
                }
                Selection::Spread(of) => {
                    (self.fragment(of.name, depth), &of.directives, [].as_slice())
                }
            };
            inner.add(1 + directives.len() + values_of(arguments));
            for directive in directives {
                inner.add(values_of(&directive.arguments));
            }
            inner.depth = inner.depth.saturating_add(1);
            size.add_sibling(inner);
        }
        size
    }

    fn fragment(&mut self, name: &'a str, depth: usize) -> QuerySize {
        if let Some(known) = self.sizes.get(name) {
            return *known;
        }
        let Some(fragment) = self.fragments.get(name).copied() else {
            return QuerySize::default();
        };
        // A fragment that is met again before it is measured contains itself.
        self.sizes.insert(name, QuerySize::ENDLESS);
        let mut size = self.set(&fragment.selections, depth);
        size.add(fragment.directives.len());
        self.sizes.insert(name, size);
        size
    }
}

/// The number of values in arguments. Validation looks at each variable wherever its fragment is
/// spread, once for each operation.
fn values_of(arguments: &[Argument<'_>]) -> usize {
    arguments.iter().map(|argument| values_in(&argument.value)).sum()
}

fn values_in(value: &Value<'_>) -> usize {
    1 + match &value.literal {
        Literal::List(items) => items.iter().map(values_in).sum(),
        Literal::Object(fields) => values_of(fields),
        _ => 0_usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::language::parse;

    fn size(query: &str) -> (usize, usize) {
        let QuerySize { selections, depth } = QuerySize::of(&parse(query).unwrap());
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
