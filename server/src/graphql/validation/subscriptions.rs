//! A subscription selects one field, so that each of its answers has one reason.

use std::collections::HashSet;

use async_graphql::parser::types::OperationType;

use super::check::Check;
use crate::graphql::language::ast::{
    Argument, Directive, Field, Inline, Literal, Selection, Spread,
};

pub(super) fn check(check: &mut Check<'_>) {
    for operation in &check.document.operations {
        if operation.kind != OperationType::Subscription {
            continue;
        }
        let mut roots = Roots::default();
        roots.collect(check, &operation.selections);
        if roots.has_open_condition {
            check.refuse(operation.pos, "A subscription's field can't depend on a variable.");
        }
        let key = roots.fields.first().map(|field| field.response_key());
        for field in roots.fields {
            if field.name.starts_with("__") {
                check.refuse(field.pos, format!("A subscription can't select \"{}\".", field.name));
            } else if Some(field.response_key()) != key {
                check.refuse(field.pos, "A subscription must select exactly one field.");
            }
        }
    }
}

/// The fields at the root of a subscription.
#[derive(Default)]
struct Roots<'a> {
    fields: Vec<&'a Field<'a>>,
    /// Whether some field's condition is a variable.
    has_open_condition: bool,
    spread: HashSet<&'a str>,
}

impl<'a> Roots<'a> {
    fn collect(&mut self, check: &Check<'a>, selections: &'a [Selection<'a>]) {
        for selection in selections {
            let (Selection::Field(Field { directives, .. })
            | Selection::Spread(Spread { directives, .. })
            | Selection::Inline(Inline { directives, .. })) = selection;
            if self.is_left_out(directives) {
                continue;
            }
            match selection {
                Selection::Field(field) => self.fields.push(field),
                Selection::Inline(inline) => self.collect(check, &inline.selections),
                Selection::Spread(spread) => {
                    if self.spread.insert(spread.name)
                        && let Some(fragment) = check.fragments.get(spread.name)
                    {
                        self.collect(check, &fragment.selections);
                    }
                }
            }
        }
    }

    fn is_left_out(&mut self, directives: &[Directive<'_>]) -> bool {
        directives.iter().any(|directive| {
            let condition = directive.arguments.iter().find(|argument| argument.name == "if");
            let kept = match directive.name {
                "include" => true,
                "skip" => false,
                _ => return false,
            };
            match condition.map(|Argument { value, .. }| &value.literal) {
                Some(Literal::Boolean(value)) => *value != kept,
                Some(Literal::Variable(_)) => {
                    self.has_open_condition = true;
                    false
                }
                _ => false,
            }
        })
    }
}
