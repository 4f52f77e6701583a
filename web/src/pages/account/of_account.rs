//! Follows one thing that the account says.

use leptos::prelude::*;
use rowlock_web_operations::account::Account;

use crate::query::Query;

/// Something that the account says; `None` before it was read.
pub(super) fn of_account<T>(
    account: Query<Account>,
    read: impl Fn(&Account) -> T + Send + Sync + 'static,
) -> Memo<Option<T>>
where
    T: PartialEq + Send + Sync + 'static,
{
    Memo::new(move |_| account.with(|account| account.data().map(&read)))
}
