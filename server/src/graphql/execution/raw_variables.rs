//! Variables as they were sent. Only those that an operation declares are parsed: a number of two
//! bytes takes a hundred when it is parsed.

use std::fmt;

use async_graphql::{Name, Value, Variables};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::operations::Operations;

/// The JSON of variables: an object, or null.
#[derive(Debug, Default)]
pub(crate) struct RawVariables(Option<Box<RawValue>>);

impl<'de> Deserialize<'de> for RawVariables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
        if raw.as_ref().is_some_and(|raw| !raw.get().starts_with('{') && raw.get() != "null") {
            return Err(D::Error::custom("the variables are not an object"));
        }
        Ok(Self(raw))
    }
}

impl RawVariables {
    /// Takes the text of a URL's parameter.
    ///
    /// # Errors
    /// When the text is not JSON, or not an object.
    pub(crate) fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |raw| raw.get().len())
    }

    /// Parses the variables that some operation declares. Nothing can refer to others.
    ///
    /// # Errors
    /// When the text is not an object, or when a variable may have more than `max_values` values in
    /// it.
    pub(super) fn declared_in(
        &self,
        operations: &Operations,
        max_values: usize,
    ) -> Result<Variables, serde_json::Error> {
        let Some(raw) = &self.0 else { return Ok(Variables::default()) };
        if raw.get() == "null" {
            return Ok(Variables::default());
        }
        Declared { operations, max_values }
            .deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
    }
}

/// The largest number of values that a JSON text can have in it: one more than its separators.
pub(crate) fn max_values_in(json: &str) -> usize {
    let (mut separators, mut is_in_string, mut is_escaped) = (0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_in_string,
            b'"' => is_in_string = !is_in_string,
            b',' | b'[' | b'{' if !is_in_string => separators += 1,
            _ => {}
        }
    }
    1 + separators
}

/// The number of values in a value that was parsed.
fn values_in(value: &Value) -> usize {
    1 + match value {
        Value::List(items) => items.iter().map(values_in).sum(),
        Value::Object(fields) => fields.values().map(values_in).sum(),
        _ => 0_usize,
    }
}

/// Finds a variable that has more than `max_values` values in it, and says so.
pub(super) fn find_too_large(variables: &Variables, max_values: usize) -> Option<String> {
    let (name, _) = variables.iter().find(|(_, value)| values_in(value) > max_values)?;
    Some(too_many(name, max_values))
}

fn too_many(name: &str, max: usize) -> String {
    format!("${name} has more than {max} values: send fewer at once")
}

/// Reads an object's entries with declared names.
struct Declared<'a> {
    operations: &'a Operations,
    max_values: usize,
}

impl<'de> DeserializeSeed<'de> for Declared<'_> {
    type Value = Variables;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Variables, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Declared<'_> {
    type Value = Variables;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with variables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Variables, A::Error> {
        let mut variables = Variables::default();
        while let Some(name) = entries.next_key::<String>()? {
            if self.operations.declare(&name) {
                let raw = entries.next_value::<Box<RawValue>>()?;
                let max = self.max_values;
                if raw.get().len() > max && max_values_in(raw.get()) > max {
                    return Err(A::Error::custom(too_many(&name, max)));
                }
                let value = serde_json::from_str::<Value>(raw.get()).map_err(A::Error::custom)?;
                variables.insert(Name::new(name), value);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::{
        language::{executable::executable, parse},
        validation::schema::Schema,
    };

    fn declared(query: &str, variables: &str) -> Result<String, serde_json::Error> {
        let raw: RawVariables = serde_json::from_str(variables)?;
        let declared = raw.declared_in(
            &Operations::written(&Schema::of_server(), executable(&parse(query).unwrap())),
            5,
        )?;
        serde_json::to_string(&declared)
    }

    #[test]
    fn only_declared_variables_are_kept() {
        let query = "query A($a: Int, $b: X) { f } query B($c: Int) { f }";
        let variables = r#"{"a": 1, "b": {"d": [2]}, "c": null, "d": [3], "A": 4}"#;
        assert_eq!(declared(query, variables).unwrap(), r#"{"a":1,"b":{"d":[2]},"c":null}"#);
        assert_eq!(declared("{ f }", variables).unwrap(), "{}");
        assert_eq!(declared(query, "null").unwrap(), "{}");
        assert_eq!(declared(query, r#"{"\u0061": 1}"#).unwrap(), r#"{"a":1}"#);
    }

    #[test]
    fn a_declared_variable_has_a_limited_number_of_values() {
        let query = "query($a: [Int]) { f }";
        declared(query, r#"{"a": [1, 2, 3], "b": [1, 2, 3, 4, 5, 6, 7]}"#).unwrap();
        declared(query, r#"{"a": [1, 2, 3, [4, [5]]]}"#).unwrap_err();
        declared(query, r#"{"a": "a long text of many words"}"#).unwrap();
    }

    #[test]
    fn what_stands_in_a_text_is_one_value() {
        assert_eq!(max_values_in(r#""a, [b\", {c}""#), 1);
        assert_eq!(max_values_in(r#"["a,b", "\\", {"c": 1}]"#), 5);
        assert_eq!(
            values_in(&Value::from_json(serde_json::json!([1, [2, { "a": 3 }]])).unwrap()),
            6
        );
    }

    #[test]
    fn variables_are_an_object() {
        for wrong in ["[]", "7", "\"a\"", "{"] {
            declared("query($a: Int) { f }", wrong).unwrap_err();
        }
    }
}
