//! Signing in, staying signed in, signing out.

use cynic::{MutationBuilder, QueryBuilder};

use super::schema;

/// Who is signed in.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: cynic::Id,
    pub(crate) name: String,
}

#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct AuthPayload {
    pub(crate) user: User,
    pub(crate) access_token: String,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub(crate) struct RegisterInput {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) name: String,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub(crate) struct LoginInput {
    pub(crate) email: String,
    pub(crate) password: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct RegisterVariables {
    input: RegisterInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "RegisterVariables")]
pub(crate) struct Register {
    #[arguments(input: $input)]
    pub(crate) register: AuthPayload,
}

#[derive(cynic::QueryVariables, Debug)]
pub(crate) struct LoginVariables {
    input: LoginInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "LoginVariables")]
pub(crate) struct Login {
    #[arguments(input: $input)]
    pub(crate) login: AuthPayload,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation")]
pub(crate) struct Refresh {
    pub(crate) refresh: AuthPayload,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation")]
pub(crate) struct Logout {
    #[expect(dead_code, reason = "true always; that it was answered is what matters")]
    pub(crate) logout: bool,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query")]
pub(crate) struct Me {
    #[expect(dead_code, reason = "that it was answered is what matters")]
    pub(crate) me: Option<User>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation")]
pub(crate) struct LogoutEverywhere {
    #[expect(dead_code, reason = "true always; that it was answered is what matters")]
    pub(crate) logout_everywhere: bool,
}

pub(crate) fn register(input: RegisterInput) -> cynic::Operation<Register, RegisterVariables> {
    Register::build(RegisterVariables { input })
}

pub(crate) fn login(input: LoginInput) -> cynic::Operation<Login, LoginVariables> {
    Login::build(LoginVariables { input })
}

pub(crate) fn refresh() -> cynic::Operation<Refresh, ()> {
    Refresh::build(())
}

pub(crate) fn logout() -> cynic::Operation<Logout, ()> {
    Logout::build(())
}

pub(crate) fn me() -> cynic::Operation<Me, ()> {
    Me::build(())
}

pub(crate) fn logout_everywhere() -> cynic::Operation<LogoutEverywhere, ()> {
    LogoutEverywhere::build(())
}
