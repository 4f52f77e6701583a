//! Parts of the demo data that tests refer to.

/// The id of the demo event "Limited Concert", which has two tickets.
pub(crate) const LIMITED_CONCERT: &str = "01990000-0000-7000-8000-000000000001";
/// The id of the demo event "Summer Open Air".
pub(crate) const SUMMER_OPEN_AIR: &str = "01990000-0000-7000-8000-000000000003";
/// The id of the demo event "Jazz Night", which has 80 tickets.
pub(crate) const JAZZ_NIGHT: &str = "01990000-0000-7000-8000-000000000004";
/// The id of the demo event "Chess Masterclass", which has 12 tickets.
pub(crate) const CHESS_MASTERCLASS: &str = "01990000-0000-7000-8000-000000000007";
/// The id of no row.
pub(crate) const UNKNOWN_ID: &str = "01990000-0000-7000-8000-ffffffffffff";

/// Signs in as the demo user Ada.
pub(crate) const LOG_IN_AS_ADA: &str =
    "mutation { login(input: { email: \"ada@example.org\", password: \"ada-demo-1\" }) {
        accessToken user { name } } }";
