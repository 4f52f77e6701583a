//! The users that a load plays.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// File with an access token a line, as `rowlock users create` writes it
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
}

const MAKE_THEM: &str = "`rowlock users create --count N --tokens FILE` makes them";

pub(crate) struct Crowd {
    /// An access token for each.
    pub(crate) tokens: Vec<String>,
}

impl Crowd {
    pub(crate) fn read(args: &Args) -> Result<Self> {
        let text = fs::read_to_string(&args.tokens)
            .with_context(|| format!("reading {} ({MAKE_THEM})", args.tokens.display()))?;
        let tokens: Vec<String> = text.lines().map(str::to_owned).collect();
        ensure!(!tokens.is_empty(), "{} is empty: {MAKE_THEM}", args.tokens.display());
        Ok(Self { tokens })
    }
}
