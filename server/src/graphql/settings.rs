//! Which operations may run, and how large they may be.

use clap::{ArgAction, Args};

use super::allowed_operations::AllowedOperations;

/// Which operations may run, and how large they may be.
#[derive(Clone, Debug, Args)]
pub struct OperationArgs {
    /// Whether anybody may read the schema: by introspection, and in GraphQL Playground and GraphiQL
    #[arg(long, env, default_value_t = true, action = ArgAction::Set, value_name = "BOOL")]
    pub introspection: bool,

    /// Files that list the only operations that may run, separated by commas. Each is a JSON object of
    /// the operations' texts by their SHA-256; `operations.json` beside the built web client lists its
    /// own. Without a list every operation may run; with one there is no Playground and no GraphiQL
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "FILE,…")]
    pub allowed_operations: AllowedOperations,

    /// Deepest nesting of a query
    #[arg(long, env, default_value_t = 16, value_name = "N", value_parser = at_least::<4>)]
    pub max_query_depth: usize,

    /// Most fields, aliases, fragments and directives of a query, counted wherever its fragments are
    /// spread; checked before anything else is done with the query
    #[arg(long, env, default_value_t = 5_000, value_name = "N", value_parser = at_least::<100>)]
    pub max_query_selections: usize,

    /// Largest complexity of a query: its fields, with those of lists counted once per item requested
    #[arg(long, env, default_value_t = 2_000, value_name = "N", value_parser = at_least::<100>)]
    pub max_query_complexity: usize,
}

impl OperationArgs {
    /// Whether GraphQL Playground and GraphiQL are of any use.
    #[must_use]
    pub fn has_ides(&self) -> bool {
        self.introspection && !self.allowed_operations.are_listed()
    }
}

/// Parses a number that is large enough for the API to be of use.
fn at_least<const MIN: usize>(text: &str) -> Result<usize, String> {
    let number: Option<usize> = text.parse().ok();
    number.filter(|number| *number >= MIN).ok_or_else(|| format!("use a number of at least {MIN}"))
}
