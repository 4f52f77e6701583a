//! The secrets that tickets are signed with.

use anyhow::{Context, Result};
use clap::Args;

use super::codes::TicketCodes;
use crate::accounts::{JwtSecret, SecretArgs};

/// Settings for the secrets of tickets.
#[derive(Clone, Debug, Default, Args)]
pub struct TicketArgs {
    /// Secret that signs the codes of tickets: 32 bytes or more, the same on every server. The
    /// default is JWT_SECRET or, with SQLite and without that, a secret that is made once and kept
    /// in the database
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    pub ticket_secret: Option<JwtSecret>,

    /// A second secret whose tickets are accepted, too. To replace TICKET_SECRET, first set the new
    /// secret here on every server, then swap the two, and keep the old one here until the last
    /// event is over whose tickets it signed
    #[arg(long, env, value_name = "SECRET", hide_env_values = true)]
    pub ticket_accepted_secret: Option<JwtSecret>,
}

impl TicketArgs {
    /// Whether tickets are signed with a secret that the operator has set.
    pub(crate) fn has_secret(&self, jwt: &SecretArgs) -> bool {
        self.ticket_secret.is_some() || jwt.jwt_secret.is_some()
    }

    /// The codes of tickets. `kept` is the secret that is kept in the database, if there is one; it
    /// signs if the operator has set none, and its tickets are accepted in any case.
    ///
    /// # Errors
    /// When there is no secret at all.
    pub fn codes(&self, jwt: &SecretArgs, kept: Option<JwtSecret>) -> Result<TicketCodes> {
        let accepted_jwt = match self.ticket_secret {
            Some(_) => None,
            None => jwt.jwt_accepted_secret.clone(),
        };
        let secrets = [self.ticket_secret.clone().or_else(|| jwt.jwt_secret.clone()), kept];
        let mut secrets = secrets.into_iter().flatten();
        let signing = secrets.next().context(
            "neither TICKET_SECRET nor JWT_SECRET is set; give every server the same 32 random \
             bytes or more, as from `openssl rand -base64 48`",
        )?;
        let accepted = secrets.chain(accepted_jwt).chain(self.ticket_accepted_secret.clone());
        Ok(TicketCodes::new(&signing, accepted))
    }
}

#[cfg(test)]
mod tests {
    use rowlock_entities::BookingId;

    use super::{super::codes::TicketNumber, *};

    fn secret(letter: &str) -> JwtSecret {
        letter.repeat(32).parse().unwrap()
    }

    /// The letters of the secrets whose tickets are accepted, the one that signs first.
    fn letters(args: &TicketArgs, jwt: &SecretArgs, kept: Option<&str>) -> String {
        let ticket = TicketNumber { booking: BookingId::new(), number: 1 };
        let codes = args.codes(jwt, kept.map(secret)).unwrap();
        let code_by = |letter: &str| TicketCodes::new(&secret(letter), []).code(ticket);
        let known = ["t", "u", "j", "k", "d"];
        let signing = known.into_iter().filter(|letter| code_by(letter) == codes.code(ticket));
        let accepted = known.into_iter().filter(|letter| codes.verify(&code_by(letter)).is_some());
        format!("{} {}", signing.collect::<String>(), accepted.collect::<String>())
    }

    #[test]
    fn the_ticket_secret_comes_first_then_that_of_access_tokens_then_the_kept_one() {
        let [t, u, j, k] = ["t", "u", "j", "k"].map(|letter| Some(secret(letter)));
        let tickets =
            |ticket_secret: &Option<JwtSecret>, accepted: &Option<JwtSecret>| TicketArgs {
                ticket_secret: ticket_secret.clone(),
                ticket_accepted_secret: accepted.clone(),
            };
        let jwt = |jwt_secret: &Option<JwtSecret>, accepted: &Option<JwtSecret>| SecretArgs {
            jwt_secret: jwt_secret.clone(),
            jwt_accepted_secret: accepted.clone(),
        };
        for (args, jwt, kept, expected) in [
            (tickets(&t, &u), jwt(&j, &k), None, "t tu"),
            (tickets(&t, &None), jwt(&j, &k), Some("d"), "t td"),
            (tickets(&None, &None), jwt(&j, &k), None, "j jk"),
            (tickets(&None, &u), jwt(&j, &k), Some("d"), "j ujkd"),
            (tickets(&None, &None), jwt(&None, &None), Some("d"), "d d"),
            (tickets(&None, &u), jwt(&None, &k), Some("d"), "d ukd"),
        ] {
            assert_eq!(letters(&args, &jwt, kept), expected);
        }
        let nothing = tickets(&None, &None).codes(&jwt(&None, &None), None);
        assert!(nothing.is_err());
    }
}
