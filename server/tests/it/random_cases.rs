//! Runs a test on generated cases.

use std::fmt::Debug;

use proptest::{
    prelude::Strategy,
    test_runner::{Config, TestCaseResult, TestRunner},
};
use tokio::runtime::Handle;

/// Runs `test` on generated cases, one after another, on a thread that may block.
pub(crate) async fn run_cases<S>(
    cases: u32,
    strategy: S,
    test: impl AsyncFn(S::Value) -> TestCaseResult + Send + 'static,
) where
    S: Strategy<Value: Debug> + Send + 'static,
{
    let handle = Handle::current();
    let running = tokio::task::spawn_blocking(move || {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&strategy, |case| handle.block_on(test(case)))
            .map_err(|error| error.to_string())
    });
    if let Err(error) = running.await.unwrap() {
        panic!("{error}");
    }
}
