//! Registering, signing in, refreshing the session and signing out.

use super::schema;

/// The signed-in user.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub struct User {
    pub id: cynic::Id,
    pub name: String,
}

#[derive(cynic::QueryFragment, Clone, Debug)]
pub struct AuthPayload {
    pub user: User,
    pub access_token: String,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct RegisterInput {
    pub email: String,
    pub password: String,
    pub name: String,
}

#[derive(cynic::InputObject, Clone, Debug)]
pub struct LoginInput {
    pub email: String,
    pub password: String,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct RegisterVariables {
    input: RegisterInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "RegisterVariables")]
pub struct Register {
    #[arguments(input: $input)]
    pub register: AuthPayload,
}

#[derive(cynic::QueryVariables, Debug)]
pub struct LoginVariables {
    input: LoginInput,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation", variables = "LoginVariables")]
pub struct Login {
    #[arguments(input: $input)]
    pub login: AuthPayload,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation")]
pub struct Refresh {
    pub refresh: AuthPayload,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation")]
pub struct Logout {
    pub logout: bool,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query")]
pub struct Me {
    pub me: Option<User>,
}

#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Mutation")]
pub struct LogoutEverywhere {
    pub logout_everywhere: bool,
}

pub fn register(input: RegisterInput) -> cynic::Operation<Register, RegisterVariables> {
    operation!(Register, RegisterVariables { input })
}

pub fn login(input: LoginInput) -> cynic::Operation<Login, LoginVariables> {
    operation!(Login, LoginVariables { input })
}

pub fn refresh() -> cynic::Operation<Refresh, ()> {
    operation!(Refresh, ())
}

pub fn logout() -> cynic::Operation<Logout, ()> {
    operation!(Logout, ())
}

pub fn me() -> cynic::Operation<Me, ()> {
    operation!(Me, ())
}

pub fn logout_everywhere() -> cynic::Operation<LogoutEverywhere, ()> {
    operation!(LogoutEverywhere, ())
}
