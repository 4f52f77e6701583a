//! The user's own account: what it says, changing it, recovering it, and deleting it.

use super::{accounts::AuthPayload, scalars::DateTime, schema};

/// The signed-in user's account, as its page shows it.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
#[cynic(graphql_type = "User")]
pub struct Account {
    pub name: String,
    pub email: String,
    pub email_verified: bool,
    pub pending_email: Option<String>,
    pub reminders: bool,
    pub calendar_url: Option<String>,
    pub sessions: Vec<AccountSession>,
}

#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
#[cynic(graphql_type = "Session")]
pub struct AccountSession {
    pub id: cynic::Id,
    pub last_seen_at: DateTime,
    pub user_agent: String,
    pub current: bool,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query")]
pub struct MyAccount {
    pub me: Option<Account>,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct UpdateProfileInput {
    pub name: String,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub reminders: Option<bool>,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct UpdateProfileVariables {
    input: UpdateProfileInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "UpdateProfileVariables")]
pub struct UpdateProfile {
    #[arguments(input: $input)]
    pub update_profile: Account,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct ChangePasswordInput {
    pub current_password: String,
    pub new_password: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct ChangePasswordVariables {
    input: ChangePasswordInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "ChangePasswordVariables")]
pub struct ChangePassword {
    #[arguments(input: $input)]
    pub change_password: bool,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct ChangeEmailInput {
    pub new_email: String,
    pub password: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct ChangeEmailVariables {
    input: ChangeEmailInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "ChangeEmailVariables")]
pub struct ChangeEmail {
    #[arguments(input: $input)]
    pub change_email: Account,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct EndSessionVariables {
    session_id: cynic::Id,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "EndSessionVariables")]
pub struct EndSession {
    #[arguments(sessionId: $session_id)]
    pub end_session: bool,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct DeleteAccountInput {
    pub password: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct DeleteAccountVariables {
    input: DeleteAccountInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "DeleteAccountVariables")]
pub struct DeleteAccount {
    #[arguments(input: $input)]
    pub delete_account: bool,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation")]
pub struct CreateCalendarFeed {
    pub create_calendar_feed: Account,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation")]
pub struct RemoveCalendarFeed {
    pub remove_calendar_feed: Account,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation")]
pub struct RequestEmailVerification {
    pub request_email_verification: bool,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct VerifyEmailVariables {
    token: String,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "VerifyEmailVariables")]
pub struct VerifyEmail {
    #[arguments(token: $token)]
    pub verify_email: VerifiedUser,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "User")]
pub struct VerifiedUser {
    pub email: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct RequestPasswordResetVariables {
    email: String,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "RequestPasswordResetVariables")]
pub struct RequestPasswordReset {
    #[arguments(email: $email)]
    pub request_password_reset: bool,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct ResetPasswordInput {
    pub token: String,
    pub new_password: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct ResetPasswordVariables {
    input: ResetPasswordInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "ResetPasswordVariables")]
pub struct ResetPassword {
    #[arguments(input: $input)]
    pub reset_password: AuthPayload,
}

pub fn my_account() -> cynic::Operation<MyAccount, ()> {
    operation!(MyAccount, ())
}

pub fn update_profile(
    input: UpdateProfileInput,
) -> cynic::Operation<UpdateProfile, UpdateProfileVariables> {
    operation!(UpdateProfile, UpdateProfileVariables { input })
}

pub fn change_password(
    input: ChangePasswordInput,
) -> cynic::Operation<ChangePassword, ChangePasswordVariables> {
    operation!(ChangePassword, ChangePasswordVariables { input })
}

pub fn change_email(
    input: ChangeEmailInput,
) -> cynic::Operation<ChangeEmail, ChangeEmailVariables> {
    operation!(ChangeEmail, ChangeEmailVariables { input })
}

pub fn end_session(session_id: cynic::Id) -> cynic::Operation<EndSession, EndSessionVariables> {
    operation!(EndSession, EndSessionVariables { session_id })
}

pub fn delete_account(password: String) -> cynic::Operation<DeleteAccount, DeleteAccountVariables> {
    let input = DeleteAccountInput { password };
    operation!(DeleteAccount, DeleteAccountVariables { input })
}

pub fn create_calendar_feed() -> cynic::Operation<CreateCalendarFeed, ()> {
    operation!(CreateCalendarFeed, ())
}

pub fn remove_calendar_feed() -> cynic::Operation<RemoveCalendarFeed, ()> {
    operation!(RemoveCalendarFeed, ())
}

pub fn request_email_verification() -> cynic::Operation<RequestEmailVerification, ()> {
    operation!(RequestEmailVerification, ())
}

pub fn verify_email(token: String) -> cynic::Operation<VerifyEmail, VerifyEmailVariables> {
    operation!(VerifyEmail, VerifyEmailVariables { token })
}

pub fn request_password_reset(
    email: String,
) -> cynic::Operation<RequestPasswordReset, RequestPasswordResetVariables> {
    operation!(RequestPasswordReset, RequestPasswordResetVariables { email })
}

pub fn reset_password(
    input: ResetPasswordInput,
) -> cynic::Operation<ResetPassword, ResetPasswordVariables> {
    operation!(ResetPassword, ResetPasswordVariables { input })
}
