//! Turns a document's tree into the one that async-graphql executes.

use std::collections::HashMap;

use async_graphql::{
    Name, Pos, Positioned, Value as ConstValue,
    parser::types::{
        Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition,
        FragmentSpread, InlineFragment, OperationDefinition, Selection, SelectionSet,
        TypeCondition, VariableDefinition,
    },
};
use async_graphql_value::Value;
use serde_json::Number;

use super::ast::{self, Literal};

/// Makes the executable document of a valid one.
pub(in crate::graphql) fn executable(document: &ast::Document<'_>) -> ExecutableDocument {
    let operations = match &*document.operations {
        [only] if only.name.is_none() => DocumentOperations::Single(operation(only)),
        several => {
            let named = |of: &ast::Operation<'_>| Some((Name::new(of.name?), operation(of)));
            DocumentOperations::Multiple(several.iter().filter_map(named).collect())
        }
    };
    let fragments = document.fragments.iter().map(|of| (Name::new(of.name), fragment(of)));
    ExecutableDocument { operations, fragments: fragments.collect::<HashMap<_, _>>() }
}

fn operation(of: &ast::Operation<'_>) -> Positioned<OperationDefinition> {
    let definition = OperationDefinition {
        ty: of.kind,
        variable_definitions: of.variables.iter().map(variable).collect(),
        directives: directives(&of.directives),
        selection_set: selection_set(of.pos, &of.selections),
    };
    Positioned::new(definition, of.pos)
}

fn variable(of: &ast::Variable<'_>) -> Positioned<VariableDefinition> {
    let default = of.default.as_ref();
    let definition = VariableDefinition {
        name: name(of.pos, of.name),
        var_type: Positioned::new(of.of.clone(), of.pos),
        directives: directives(&of.directives),
        default_value: default.map(|of| Positioned::new(constant(of), of.pos)),
    };
    Positioned::new(definition, of.pos)
}

fn fragment(of: &ast::Fragment<'_>) -> Positioned<FragmentDefinition> {
    let definition = FragmentDefinition {
        type_condition: type_condition(of.pos, of.on),
        directives: directives(&of.directives),
        selection_set: selection_set(of.pos, &of.selections),
    };
    Positioned::new(definition, of.pos)
}

fn selection_set(pos: Pos, selections: &[ast::Selection<'_>]) -> Positioned<SelectionSet> {
    let items = selections.iter().map(|selection| match selection {
        ast::Selection::Field(of) => {
            let field = Field {
                alias: of.alias.map(|alias| name(of.pos, alias)),
                name: name(of.pos, of.name),
                arguments: arguments(&of.arguments),
                directives: directives(&of.directives),
                selection_set: selection_set(of.pos, &of.selections),
            };
            Positioned::new(Selection::Field(Positioned::new(field, of.pos)), of.pos)
        }
        ast::Selection::Spread(of) => {
            let spread = FragmentSpread {
                fragment_name: name(of.pos, of.name),
                directives: directives(&of.directives),
            };
            Positioned::new(Selection::FragmentSpread(Positioned::new(spread, of.pos)), of.pos)
        }
        ast::Selection::Inline(of) => {
            let inline = InlineFragment {
                type_condition: of.on.map(|on| type_condition(of.pos, on)),
                directives: directives(&of.directives),
                selection_set: selection_set(of.pos, &of.selections),
            };
            Positioned::new(Selection::InlineFragment(Positioned::new(inline, of.pos)), of.pos)
        }
    });
    Positioned::new(SelectionSet { items: items.collect() }, pos)
}

fn type_condition(pos: Pos, on: &str) -> Positioned<TypeCondition> {
    Positioned::new(TypeCondition { on: name(pos, on) }, pos)
}

fn directives(directives: &[ast::Directive<'_>]) -> Vec<Positioned<Directive>> {
    let convert = |of: &ast::Directive<'_>| {
        let directive =
            Directive { name: name(of.pos, of.name), arguments: arguments(&of.arguments) };
        Positioned::new(directive, of.pos)
    };
    directives.iter().map(convert).collect()
}

fn arguments(of: &[ast::Argument<'_>]) -> Vec<(Positioned<Name>, Positioned<Value>)> {
    let convert = |of: &ast::Argument<'_>| {
        (name(of.pos, of.name), Positioned::new(value(&of.value), of.value.pos))
    };
    of.iter().map(convert).collect()
}

fn name(pos: Pos, name: &str) -> Positioned<Name> {
    Positioned::new(Name::new(name), pos)
}

fn value(of: &ast::Value<'_>) -> Value {
    match &of.literal {
        Literal::Variable(name) => Value::Variable(Name::new(name)),
        Literal::Int(text) | Literal::Float(text) => match number(text) {
            Some(number) => Value::Number(number),
            None => Value::String((*text).to_owned()),
        },
        Literal::String(text) | Literal::BlockString(text) => Value::String(text.clone()),
        Literal::Boolean(value) => Value::Boolean(*value),
        Literal::Null => Value::Null,
        Literal::Enum(name) => Value::Enum(Name::new(name)),
        Literal::List(items) => Value::List(items.iter().map(value).collect()),
        Literal::Object(fields) => {
            let convert = |of: &ast::Argument<'_>| (Name::new(of.name), value(&of.value));
            Value::Object(fields.iter().map(convert).collect())
        }
    }
}

/// A default value. A valid one has no variables in it.
fn constant(of: &ast::Value<'_>) -> ConstValue {
    value(of).into_const().unwrap_or_default()
}

/// Longer whole numbers have no number that equals them. They are valid only as ids, which take
/// strings as well.
fn number(text: &str) -> Option<Number> {
    if text.contains(['.', 'e', 'E']) {
        return text.parse().ok();
    }
    let whole = text.parse::<i64>().map(Number::from);
    whole.or_else(|_| text.parse::<u64>().map(Number::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::{super::parse, *};

    #[test]
    fn all_parts_of_a_document_are_kept() {
        let text = "query A($b: Int = 1) @c { d: e(f: [$b, { g: H }]) { ...I } }\n\
                    query J { ... on K { l } }\nfragment I on M { n }";
        let document = executable(&parse(text).unwrap());
        let DocumentOperations::Multiple(operations) = &document.operations else { panic!() };
        let first = &operations["A"];
        assert_eq!(first.pos, Pos { line: 1, column: 1 });
        assert_eq!(
            first.node.variable_definitions[0].node.default_value().unwrap().to_string(),
            "1"
        );
        let Selection::Field(field) = &first.node.selection_set.node.items[0].node else {
            panic!()
        };
        assert_eq!(field.node.response_key().node, "d");
        assert_eq!(field.node.arguments[0].1.node.to_string(), "[$b, {g: H}]");
        assert_eq!(document.fragments["I"].node.type_condition.node.on.node, "M");
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(number("18446744073709551615").unwrap().to_string(), "18446744073709551615");
        assert_eq!(number("99999999999999999999"), None);
        assert_eq!(number("-0").unwrap().as_i64(), Some(0));
        assert_eq!(number("1e3").unwrap().as_f64(), Some(1000.0));
    }
}
