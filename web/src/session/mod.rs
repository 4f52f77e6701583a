//! The signed-in user, in all tabs and across reloads.
//!
//! The access token is kept in memory only. The refresh token is in a cookie that no script can
//! read. The `refresh` operation tells a reloaded page who its user is, and replaces an expired
//! access token.

mod single_flight;
mod state;
mod tabs;

use std::time::Duration;

use cynic::Operation;
use futures_timer::Delay;
use leptos::{prelude::*, task::spawn_local};
use rowlock_web_operations::{
    account::{ResetPasswordInput, delete_account, reset_password},
    accounts::{self, LoginInput, LogoutEverywhere, Refresh, RegisterInput},
};
use serde::{Serialize, de::DeserializeOwned};
use web_sys::{Blob, File};

use crate::{
    api::{
        ErrorCode, Failure,
        http::{
            self, Boxed, QUERY_TIMEOUT_MILLIS, REPEATABLE_TIMEOUT_MILLIS, RequestBody, ResponseData,
        },
    },
    backoff::pause_before_retry,
};
use single_flight::SingleFlight;
use state::{AfterRejection, SessionState, SignedIn};
pub(crate) use state::{SessionUser, Viewer};
use tabs::{TabChannel, TabMessage};

/// A `Copy` handle to the page's session.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    state: RwSignal<SessionState>,
    viewer: Memo<Viewer>,
    times_expired: RwSignal<u32>,
    changes_in_other_tabs: RwSignal<u32>,
    /// Whether the last attempt to restore the session got no answer.
    unreachable: RwSignal<bool>,
    /// `None` until the first task after the start.
    tabs: StoredValue<Option<TabChannel>, LocalStorage>,
    refreshes: StoredValue<SingleFlight<Result<SignedIn, Failure>>, LocalStorage>,
}

impl Session {
    /// Begins to restore the browser's session, if it has one, and provides the handle to all
    /// components.
    pub(crate) fn provide() -> Self {
        let initial = if tabs::may_have_session() {
            SessionState::Restoring
        } else {
            SessionState::SignedOut
        };
        let state = RwSignal::new(initial);
        let session = Self {
            state,
            viewer: Memo::new(move |_| state.with(SessionState::viewer)),
            times_expired: RwSignal::new(0),
            changes_in_other_tabs: RwSignal::new(0),
            unreachable: RwSignal::new(false),
            tabs: StoredValue::new_local(None),
            refreshes: StoredValue::new_local(SingleFlight::new()),
        };
        provide_context(session);
        set_timeout(move || session.join_tabs(), Duration::ZERO);
        if state.with_untracked(|state| *state == SessionState::Restoring) {
            spawn_local(session.restore());
        }
        session
    }

    fn join_tabs(self) {
        let tabs = TabChannel::join(move |message| match message {
            TabMessage::SignedIn(signed_in) => self.state.set(SessionState::SignedIn(signed_in)),
            TabMessage::SignedOut => self.state.set(SessionState::SignedOut),
            TabMessage::BookingsChanged => self.changes_in_other_tabs.update(|count| *count += 1),
        });
        self.tabs.set_value(Some(tabs));
    }

    /// How often the user has booked or cancelled in another tab.
    pub(crate) fn changes_in_other_tabs(self) -> u32 {
        self.changes_in_other_tabs.get()
    }

    pub(crate) fn tell_tabs_bookings_changed(self) {
        self.tell_tabs(&TabMessage::BookingsChanged);
    }

    /// Whether the viewer is unknown because the server can't be reached.
    pub(crate) fn is_unreachable(self) -> bool {
        self.unreachable.get()
    }

    fn tell_tabs(self, message: &TabMessage) {
        self.tabs.with_value(|tabs| {
            if let Some(tabs) = tabs {
                tabs.send(message);
            }
        });
    }

    pub(crate) fn from_context() -> Self {
        expect_context()
    }

    /// The current viewer, tracked.
    pub(crate) fn viewer(self) -> Viewer {
        self.viewer.get()
    }

    /// The current viewer, for code that should not run again when the viewer changes.
    pub(crate) fn viewer_untracked(self) -> Viewer {
        self.state.with_untracked(SessionState::viewer)
    }

    /// How often a session was found to have ended without a sign-out.
    pub(crate) fn times_expired(self) -> u32 {
        self.times_expired.get()
    }

    /// Runs an operation as the current viewer. If the access token has expired, it is refreshed
    /// and the operation is repeated once.
    pub(crate) async fn run<Q, V>(self, operation: &Operation<Q, V>) -> Result<Q, Failure>
    where
        Q: DeserializeOwned,
        V: Serialize,
    {
        self.post(RequestBody::new(operation)).await?.parse()
    }

    /// Does the same for a mutation that the caller repeats if its answer does not arrive.
    pub(crate) async fn run_repeatable<Q, V>(
        self,
        operation: &Operation<Q, V>,
    ) -> Result<Q, Failure>
    where
        Q: DeserializeOwned,
        V: Serialize,
    {
        let body = RequestBody::new(operation).with_timeout(REPEATABLE_TIMEOUT_MILLIS);
        self.post(body).await?.parse()
    }

    /// What the header `authorization` has for the current viewer, with a token that is good. `None`
    /// if nobody is signed in, or if the server does not answer.
    pub(crate) async fn authorization(self) -> Option<String> {
        // An expired token is replaced.
        self.run(&accounts::me()).await.ok()?;
        self.state
            .with_untracked(|state| Some(format!("Bearer {}", state.signed_in()?.access_token)))
    }

    /// Fetches a file as the current viewer.
    pub(crate) async fn download(self, path: &str) -> Result<Blob, Failure> {
        self.send_as_viewer(async |token| http::download(path, token).await).await
    }

    /// Gives an event a picture, or takes its picture away, as the current viewer.
    pub(crate) async fn send_cover(
        self,
        event_id: &str,
        picture: Option<File>,
        alt: &str,
    ) -> Result<(), Failure> {
        let alt: String = form_urlencoded::byte_serialize(alt.as_bytes()).collect();
        let path = match picture {
            Some(_) => format!("/events/{event_id}/cover?alt={alt}"),
            None => format!("/events/{event_id}/cover"),
        };
        self.send_as_viewer(async |token| http::send_cover(&path, picture.as_ref(), token).await)
            .await
    }

    fn post(self, body: RequestBody) -> Boxed<Result<ResponseData, Failure>> {
        Box::pin(async move {
            self.send_as_viewer(async |token| {
                http::post(body.clone(), token.map(str::to_owned)).await
            })
            .await
        })
    }

    async fn send_as_viewer<T>(
        self,
        send: impl AsyncFn(Option<&str>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let sender = self.state.with_untracked(|state| state.signed_in().cloned());
        let Some(sender) = sender else { return send(None).await };
        match send(Some(&sender.access_token)).await {
            Err(failure) if failure.code() == Some(ErrorCode::Unauthenticated) => {}
            answer => return answer,
        }
        let token = self.token_for_retry(sender).await?;
        match send(Some(&token)).await {
            // The server rejects even a new token, so the account is gone.
            Err(failure) if failure.code() == Some(ErrorCode::Unauthenticated) => {
                self.set_expired();
                Err(Failure::SessionEnded)
            }
            answer => answer,
        }
    }

    /// The access token to repeat an operation with, after the server rejected the sender's.
    async fn token_for_retry(self, sender: SignedIn) -> Result<String, Failure> {
        match self.state.with_untracked(|state| state.after_rejection(&sender)) {
            AfterRejection::Repeat(token) => Ok(token),
            AfterRejection::GiveUp => Err(Failure::SessionEnded),
            AfterRejection::Refresh => {
                let user_id = sender.user.id.clone();
                let refreshed = self.refresh(Some(sender)).await?;
                match refreshed.user.id == user_id {
                    true => Ok(refreshed.access_token),
                    false => Err(Failure::SessionEnded),
                }
            }
        }
    }

    /// # Errors
    /// Includes the server's messages for the form's fields.
    pub(crate) async fn sign_in(self, input: LoginInput) -> Result<(), Failure> {
        let _lock = tabs::lock_cookie().await;
        let answer = http::send(&accounts::login(input)).await?;
        self.set_signed_in(answer.login.into());
        Ok(())
    }

    /// # Errors
    /// Includes the server's messages for the form's fields.
    pub(crate) async fn register(self, input: RegisterInput) -> Result<(), Failure> {
        let _lock = tabs::lock_cookie().await;
        let answer = http::send(&accounts::register(input)).await?;
        self.set_signed_in(answer.register.into());
        Ok(())
    }

    /// Sets a new password with the token of a mail, and signs in.
    ///
    /// # Errors
    /// Includes the server's messages for the form's fields.
    pub(crate) async fn reset_password(self, input: ResetPasswordInput) -> Result<(), Failure> {
        let _lock = tabs::lock_cookie().await;
        let answer = http::send(&reset_password(input)).await?;
        self.set_signed_in(answer.reset_password.into());
        Ok(())
    }

    /// Deletes the user's account. Nobody is signed in then, in any tab.
    ///
    /// # Errors
    /// Includes that the password is wrong.
    pub(crate) async fn delete_account(self, password: String) -> Result<(), Failure> {
        self.run(&delete_account(password)).await?;
        self.set_signed_out();
        Ok(())
    }

    /// The user has another name now.
    pub(crate) fn set_name(self, name: &str) {
        let signed_in = self.state.with_untracked(|state| state.signed_in().cloned());
        if let Some(mut signed_in) = signed_in.filter(|signed_in| signed_in.user.name != name) {
            signed_in.user.name = name.to_owned();
            self.set_signed_in(signed_in);
        }
    }

    /// Ends the session on the server, then in every tab.
    pub(crate) async fn sign_out(self) -> Result<(), Failure> {
        let _lock = tabs::lock_cookie().await;
        http::send(&accounts::logout()).await?;
        self.set_signed_out();
        Ok(())
    }

    /// Ends all of the user's sessions, on this device and others.
    pub(crate) async fn sign_out_everywhere(self) -> Result<(), Failure> {
        let user_id = self
            .state
            .with_untracked(|state| state.signed_in().map(|signed_in| signed_in.user.id.clone()));
        // Makes sure that the token is valid, because it can't be refreshed while the cookie is
        // locked.
        self.run(&accounts::me()).await?;
        let _lock = tabs::lock_cookie().await;
        let sender = self.state.with_untracked(|state| state.signed_in().cloned());
        // Meanwhile another tab may have signed in as somebody else. That session must not end.
        let sender = sender.filter(|sender| Some(&sender.user.id) == user_id.as_ref());
        let sender = sender.ok_or(Failure::SessionEnded)?;
        let body = RequestBody::new(&accounts::logout_everywhere());
        http::post(body, Some(sender.access_token)).await?.parse::<LogoutEverywhere>()?;
        self.set_signed_out();
        Ok(())
    }

    /// Retries until the server has said whether there is a session.
    async fn restore(self) {
        for failures in 0.. {
            match self.refresh(None).await {
                Ok(_) | Err(Failure::SessionEnded) => return,
                Err(Failure::NoAnswer | Failure::Api(_)) => self.unreachable.set(true),
            }
            Delay::new(pause_before_retry(failures, js_sys::Math::random())).await;
            // Meanwhile the user may have signed in here, or in or out in another tab.
            if self.state.with_untracked(|state| *state != SessionState::Restoring) {
                return;
            }
        }
    }

    /// Exchanges the refresh cookie for a new access token. All operations that wait for one share
    /// one exchange, also across tabs.
    fn refresh(self, rejected: Option<SignedIn>) -> Boxed<Result<SignedIn, Failure>> {
        let refreshes = self.refreshes.get_value();
        Box::pin(async move {
            refreshes
                .run(async move {
                    let cookie_lock = tabs::lock_cookie().await;
                    if cookie_lock.had_to_wait {
                        self.wait_for_tab_message(rejected.as_ref()).await;
                    }
                    // Another tab may have refreshed or signed out while this one waited.
                    match self.state.get_untracked() {
                        SessionState::SignedIn(now) if Some(&now) != rejected.as_ref() => {
                            return Ok(now);
                        }
                        SessionState::SignedOut if rejected.is_some() => {
                            return Err(Failure::SessionEnded);
                        }
                        SessionState::SignedIn(_)
                        | SessionState::SignedOut
                        | SessionState::Restoring => {}
                    }
                    // If this answer is lost, the cookie can be exchanged once more.
                    let body =
                        RequestBody::new(&accounts::refresh()).with_timeout(QUERY_TIMEOUT_MILLIS);
                    let answer = http::post(body, None).await;
                    match answer.and_then(|answer| answer.parse::<Refresh>()) {
                        Ok(answer) => {
                            let signed_in = SignedIn::from(answer.refresh);
                            self.set_signed_in(signed_in.clone());
                            Ok(signed_in)
                        }
                        Err(failure) if failure.code() == Some(ErrorCode::Unauthenticated) => {
                            match rejected {
                                Some(_) => self.set_expired(),
                                None => self.set_signed_out(),
                            }
                            Err(Failure::SessionEnded)
                        }
                        Err(failure) => Err(failure),
                    }
                })
                .await
        })
    }

    /// Waits for the message of the tab that held the lock. It may arrive after the lock is free.
    async fn wait_for_tab_message(self, rejected: Option<&SignedIn>) {
        const TIMEOUT: Duration = Duration::from_millis(500);
        const POLL_INTERVAL: Duration = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        let is_changed = |state: &SessionState| match state {
            SessionState::SignedIn(now) => Some(now) != rejected,
            SessionState::SignedOut => rejected.is_some(),
            SessionState::Restoring => false,
        };
        while waited < TIMEOUT && !self.state.with_untracked(is_changed) {
            Delay::new(POLL_INTERVAL).await;
            waited += POLL_INTERVAL;
        }
    }

    fn set_signed_in(self, signed_in: SignedIn) {
        tabs::note_session(Some(&signed_in.user.id));
        self.state.set(SessionState::SignedIn(signed_in.clone()));
        self.tell_tabs(&TabMessage::SignedIn(signed_in));
    }

    /// The session ended without a sign-out.
    fn set_expired(self) {
        self.set_signed_out();
        self.times_expired.update(|count| *count += 1);
    }

    fn set_signed_out(self) {
        tabs::note_session(None);
        self.state.set(SessionState::SignedOut);
        self.tell_tabs(&TabMessage::SignedOut);
    }
}
