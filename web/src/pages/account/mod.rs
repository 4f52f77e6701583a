//! The user's account: name, address, password, reminders, calendar, devices, and its end.

mod calendar;
mod data;
mod delete_dialog;
mod devices;
mod email;
mod of_account;
mod password;
mod profile;

use leptos::prelude::*;
use rowlock_web_operations::account::my_account;

use crate::{
    api::Failure,
    components::{
        notice::FailureNotice, own_page::OwnPage, page_heading::PageHeading,
        unverified_notice::UnverifiedNotice,
    },
    query::{Query, QueryState},
    scroll::ScrollPositions,
    session::Session,
    visibility::PageVisibility,
};
use calendar::CalendarFeed;
use data::OwnData;
use devices::Devices;
use email::Email;
use of_account::of_account;
use password::Password;
use profile::{Profile, Reminders};

#[component]
pub(crate) fn AccountPage() -> impl IntoView {
    view! {
        <PageHeading title="My account" />
        <OwnPage skeleton=AccountSkeleton>
            <Settings />
        </OwnPage>
    }
}

#[derive(Clone, PartialEq)]
enum AccountState {
    Loading,
    Loaded,
    Failed(Failure),
}

#[component]
fn Settings() -> impl IntoView {
    let session = Session::from_context();
    let scroll = ScrollPositions::from_context();
    let visibility = PageVisibility::from_context();
    let account = Query::new(
        || (),
        move |()| async move {
            let me = session.run(&my_account()).await?.me;
            // The session has just ended, and the page is about to redirect to the sign-in.
            me.ok_or(Failure::SessionEnded)
        },
        move |_| scroll.restore(),
    )
    .refetch_when(move || visibility.times_shown_again());
    let state = Memo::new(move |_| {
        account.with(|account| match account {
            QueryState::Loading => AccountState::Loading,
            QueryState::Failed(failure) => AccountState::Failed(failure.clone()),
            QueryState::Loaded(_) => AccountState::Loaded,
        })
    });
    let unverified = of_account(account, |account| {
        let email = account.email.clone();
        Some(email).filter(|_| !account.email_verified)
    });
    let unverified = Memo::new(move |_| unverified.get().flatten());
    move || match state.get() {
        AccountState::Loading => AccountSkeleton().into_any(),
        AccountState::Failed(failure) => {
            let retry = move |()| account.refetch();
            view! { <FailureNotice failure busy=account.is_fetching() retry /> }.into_any()
        }
        AccountState::Loaded => view! {
            <UnverifiedNotice email=unverified />
            <div class="settings">
                <Profile account />
                <Email account />
                <Password account />
                <Reminders account />
                <CalendarFeed account />
                <Devices account />
                <OwnData account />
            </div>
        }
        .into_any(),
    }
}

#[component]
fn AccountSkeleton() -> impl IntoView {
    view! {
        <div class="settings" aria-hidden="true">
            {(0..3)
                .map(|_| {
                    view! {
                        <div class="panel skeleton">
                            <div class="line line-title"></div>
                            <div class="line"></div>
                            <div class="line line-button"></div>
                        </div>
                    }
                })
                .collect_view()}
        </div>
    }
}
