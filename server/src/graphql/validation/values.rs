//! Values that are written into the document.

use std::collections::HashSet;

use async_graphql::{
    Pos,
    parser::types::{BaseType, Type},
};

use super::{
    check::{Check, Disclosure},
    schema::{Input, NamedType, name_of},
    suggestion::did_you_mean,
};
use crate::graphql::{
    language::ast::{Argument, Literal, Value},
    scalars::{how_to_write, is_valid},
};

/// Checks that the value of an argument, or a variable's default, has its type. Without a type, it
/// checks only what holds for all values.
pub(super) fn check(check: &mut Check<'_>, argument: &str, value: &Value<'_>, of: Option<&Type>) {
    Values { argument }.check(check, value, of);
}

/// A field of an argument, or of a field in one, as errors name it, such as `orderBy.field`. Mutations
/// have one argument, whose name says nothing.
pub(in crate::graphql) fn field_within(outer: &str, name: &str) -> String {
    match outer {
        "input" => name.to_owned(),
        _ => format!("{outer}.{name}"),
    }
}

/// The values of an enum, as errors list them.
pub(in crate::graphql) fn listed(values: &HashSet<String>) -> String {
    let mut values = values.iter().map(String::as_str).collect::<Vec<_>>();
    values.sort_unstable();
    values.join(", ")
}

struct Values<'a> {
    /// The argument or the variable that has the value, and its fields down to here, such as
    /// `orderBy.field`.
    argument: &'a str,
}

impl Values<'_> {
    fn check(&self, check: &mut Check<'_>, value: &Value<'_>, of: Option<&Type>) {
        if check.is_full() {
            return;
        }
        match &value.literal {
            // Its type is compared where the variable is declared.
            Literal::Variable(_) => {}
            Literal::Null => {
                if let Some(of) = of.filter(|of| !of.nullable) {
                    let more = check.disclose(|| format!(" It is of type \"{of}\"."));
                    let message = format!("\"{}\" must not be null.{more}", self.argument);
                    check.refuse_argument(value.pos, self.argument, message);
                }
            }
            Literal::List(items) => self.check_list(check, value, items, of),
            Literal::Object(fields) => self.check_object(check, value, fields, of),
            Literal::Int(_)
            | Literal::Float(_)
            | Literal::String(_)
            | Literal::BlockString(_)
            | Literal::Boolean(_)
            | Literal::Enum(_) => {
                if let Some(of) = of {
                    self.check_leaf(check, value, of);
                }
            }
        }
    }

    fn check_list(
        &self,
        check: &mut Check<'_>,
        value: &Value<'_>,
        items: &[Value<'_>],
        of: Option<&Type>,
    ) {
        let item = of.and_then(|of| match &of.base {
            BaseType::List(item) => Some(&**item),
            BaseType::Named(_) => {
                self.check_leaf(check, value, of);
                None
            }
        });
        for (index, value) in items.iter().enumerate() {
            match value.literal {
                // A list of plain values is one field.
                Literal::Object(_) => {
                    let argument = &*format!("{}[{index}]", self.argument);
                    Values { argument }.check(check, value, item);
                }
                _ => self.check(check, value, item),
            }
        }
    }

    fn check_object(
        &self,
        check: &mut Check<'_>,
        value: &Value<'_>,
        fields: &[Argument<'_>],
        of: Option<&Type>,
    ) {
        let mut seen = HashSet::new();
        for Argument { pos, name, .. } in fields {
            if !seen.insert(name) {
                let message = format!("\"{name}\" is given more than once.");
                check.refuse_argument(*pos, &field_within(self.argument, name), message);
            }
        }
        let schema = check.schema;
        // A single object stands for a list of one.
        let definitions = of.and_then(|of| match schema.find_type(name_of(of)) {
            Some(NamedType::InputObject(definitions)) => Some(definitions),
            _ => {
                self.check_leaf(check, value, of);
                None
            }
        });
        for Argument { pos, name, value } in fields {
            if check.is_full() {
                return;
            }
            let mut of_field = None;
            if let Some(definitions) = definitions {
                of_field = definitions.iter().find(|definition| definition.name == *name);
                if of_field.is_none() {
                    let known = definitions.iter().map(|definition| definition.name.as_str());
                    let suggestion = check.disclose(|| did_you_mean(name, known));
                    let message =
                        format!("\"{}\" has no field \"{name}\".{suggestion}", self.argument);
                    check.refuse_argument(*pos, &field_within(self.argument, name), message);
                }
            }
            let argument = &*field_within(self.argument, name);
            Values { argument }.check(check, value, of_field.map(|definition| &definition.of));
        }
        self.check_required(check, value.pos, fields, definitions.map_or(&[], |of| of));
    }

    fn check_required(
        &self,
        check: &mut Check<'_>,
        pos: Pos,
        fields: &[Argument<'_>],
        definitions: &[Input],
    ) {
        let is_given = |name: &str| fields.iter().any(|field| field.name == name);
        let missing = definitions.iter().filter(|of| of.is_required() && !is_given(&of.name));
        let owner = self.argument;
        for Input { name, of, .. } in missing {
            if check.disclosure == Disclosure::Nothing {
                let message = format!("\"{owner}\" needs a field that is not given.");
                check.refuse_argument(pos, owner, message);
            } else {
                let message = format!("\"{owner}\" needs the field \"{name}\" of type \"{of}\".");
                check.refuse_argument(pos, &field_within(self.argument, name), message);
            }
        }
    }

    /// Checks a value that is not looked into.
    fn check_leaf(&self, check: &mut Check<'_>, value: &Value<'_>, of: &Type) {
        let name = name_of(of);
        let fits = match check.schema.find_type(name) {
            Some(NamedType::BuiltInScalar) => fits_built_in(name, &value.literal),
            Some(NamedType::CustomScalar) => is_valid(name, text_of(&value.literal)),
            Some(NamedType::Enum(values)) => {
                matches!(value.literal, Literal::Enum(name) if values.contains(name))
            }
            _ => false,
        };
        if !fits {
            let more = match check.schema.find_type(name) {
                Some(NamedType::Enum(values)) => check.disclose(|| {
                    format!(" It is one of {}, without quotation marks.", listed(values))
                }),
                Some(NamedType::BuiltInScalar | NamedType::CustomScalar) => {
                    check.disclose(|| how_to_write(name).to_owned())
                }
                _ => String::new(),
            };
            let message = match check.disclosure {
                Disclosure::Schema => {
                    format!("\"{}\" must be of type \"{of}\".{more}", self.argument)
                }
                Disclosure::Nothing => {
                    format!("\"{}\" has a value of another type than it must have.", self.argument)
                }
            };
            check.refuse_argument(value.pos, self.argument, message);
        }
    }
}

fn text_of<'a>(literal: &'a Literal<'_>) -> Option<&'a str> {
    match literal {
        Literal::String(text) | Literal::BlockString(text) => Some(text),
        _ => None,
    }
}

fn fits_built_in(scalar: &str, literal: &Literal<'_>) -> bool {
    match literal {
        Literal::Int(text) => match scalar {
            "Int" => text.parse::<i32>().is_ok(),
            "Float" => text.parse::<f64>().is_ok_and(f64::is_finite),
            scalar => scalar == "ID",
        },
        Literal::Float(text) => scalar == "Float" && text.parse::<f64>().is_ok_and(f64::is_finite),
        Literal::String(_) | Literal::BlockString(_) => matches!(scalar, "String" | "ID"),
        Literal::Boolean(_) => scalar == "Boolean",
        _ => false,
    }
}
