//! Settings for operations: which ones may run, and how large they may be.

use clap::{ArgAction, Args, builder::RangedU64ValueParser};

use super::allowed_operations::AllowedOperations;

/// Settings for operations: which ones may run, and how large they may be.
#[derive(Clone, Debug, Args)]
pub struct OperationArgs {
    /// Whether anybody may read the schema: by introspection, and in GraphQL Playground and
    /// GraphiQL
    #[arg(long, env, default_value_t = true, action = ArgAction::Set, value_name = "BOOL")]
    pub introspection: bool,

    /// Files with the only operations that may run, separated by commas. Each file is a JSON object
    /// that maps the SHA-256 of each operation to its text; `operations.json` beside the built web
    /// client has the client's own. Without a file, every operation may run; with one, Playground
    /// and GraphiQL are not served
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "FILE,…")]
    pub allowed_operations: AllowedOperations,

    /// Maximum number of words and signs in a query's text (GraphQL's tokens). It is checked before
    /// the text is parsed
    #[arg(
        long,
        env,
        default_value_t = 3_000,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(500..)
    )]
    pub max_query_tokens: usize,

    /// Maximum number of values in one variable: of a list's items, and of an object's fields
    #[arg(
        long,
        env,
        default_value_t = 2_000,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(200..)
    )]
    pub max_variable_values: usize,

    /// Maximum depth of a query
    #[arg(
        long,
        env,
        default_value_t = 16,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(4..)
    )]
    pub max_query_depth: usize,

    /// Maximum number of fields, aliases, fragments, directives and values of arguments in a query,
    /// counted wherever its fragments are spread. It is checked before anything is executed
    #[arg(
        long,
        env,
        default_value_t = 5_000,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(100..)
    )]
    pub max_query_selections: usize,

    /// Maximum complexity of a query: its number of fields, where those in a list count once for
    /// each requested item, and ten fields of the schema count as one
    #[arg(
        long,
        env,
        default_value_t = 2_000,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(100..)
    )]
    pub max_query_complexity: usize,
}

impl OperationArgs {
    /// Whether GraphQL Playground and GraphiQL are of use. They need introspection, and queries of
    /// any text.
    #[must_use]
    pub fn has_ides(&self) -> bool {
        self.introspection && !self.allowed_operations.are_listed()
    }
}
