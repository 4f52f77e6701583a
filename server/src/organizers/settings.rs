//! Settings for organizers.

use clap::{Args, ValueEnum};

/// Settings for organizers.
#[derive(Clone, Debug, Args)]
pub struct OrganizerArgs {
    /// Who may create organizers: anyone who is signed in, or only the operator, who invites people
    /// with `rowlock organizers create`
    #[arg(long, env, value_enum, default_value_t = Founders::Anyone)]
    pub organizers: Founders,

    /// Maximum number of organizers that one person has founded and owns
    #[arg(
        long,
        env,
        default_value_t = Self::ORGANIZERS_PER_USER,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000)
    )]
    pub max_organizers_per_user: u32,

    /// Maximum number of members of one organizer
    #[arg(
        long,
        env,
        default_value_t = Self::MEMBERS_PER_ORGANIZER,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000)
    )]
    pub max_members_per_organizer: u32,

    /// Maximum number of events of one organizer, past and cancelled ones included
    #[arg(
        long,
        env,
        default_value_t = Self::EVENTS_PER_ORGANIZER,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_events_per_organizer: u32,
}

/// Who may create organizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Founders {
    /// Everybody who is signed in
    Anyone,
    /// The operator alone
    Invited,
}

impl OrganizerArgs {
    const ORGANIZERS_PER_USER: u32 = 20;
    const MEMBERS_PER_ORGANIZER: u32 = 100;
    const EVENTS_PER_ORGANIZER: u32 = 10_000;
}

impl Default for OrganizerArgs {
    fn default() -> Self {
        Self {
            organizers: Founders::Anyone,
            max_organizers_per_user: Self::ORGANIZERS_PER_USER,
            max_members_per_organizer: Self::MEMBERS_PER_ORGANIZER,
            max_events_per_organizer: Self::EVENTS_PER_ORGANIZER,
        }
    }
}
