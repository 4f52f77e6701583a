//! Runs everything that CI runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::{
    chaos, dist, layers,
    npm::{self, Package},
    paths::target_folder,
    postgres::{Durability, Postgres},
    race,
    shell::{call, call_command, heading, is_installed, output_of},
    tools::ensure_package,
    web::{self, Ides},
};

/// Programs and tests are built together, or cargo would build shared dependencies once for each
/// set of features. The bundler is left out, as it has no tests.
const WORKSPACE: &[&str] = &["--workspace", "--all-targets", "--exclude", "rowlock-web-bundler"];

/// Finds accessibility problems of a page.
const AXE: Package = Package {
    name: "axe-core",
    version: "4.14.1",
    integrity: "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
};

/// Modules of server/tests/it whose tests need the web client and the IDEs, a browser, the packages
/// of `cargo xtask dist`, clients from npm, PgBouncer, or an SMTP server.
const NEED_SITE: &[&str] =
    &["accepted_operations::", "browser::", "packages::", "pages::", "site::"];
const NEED_BROWSER: &[&str] = &["browser::"];
const NEED_PACKAGES: &[&str] = &["packages::", "browser::packages::"];
const NEED_POOLER: &[&str] = &["pooler::"];
/// Its tests send mails to an SMTP server in Python, which reads them with Python's parsers.
const NEED_MAIL_SERVER: &[&str] = &["mails::", "mail_crashes::", "browser::mail_journey::"];
const NEED_CLIENTS: &[&str] =
    &["clients::", "documentation_examples::", "browser::client_libraries::"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only the tests whose names contain this, without lints and races, and build the site and
    /// the clients only if they need them
    filter: Option<String>,
}

pub(crate) fn test(args: &Args) -> Result<()> {
    if args.filter.is_none() {
        heading("Format");
        call("cargo", &["fmt", "--all", "--check"])?;
        heading("Layers");
        layers::check(false)?;
    }
    heading("Building the programs and their tests");
    call_command(Command::new("cargo").arg("build").args(WORKSPACE))?;

    let names = args.filter.as_deref().map(names_with).transpose()?;
    let need = |modules: &[&str]| {
        let is_in_one = |name: &String| modules.iter().any(|module| name.starts_with(module));
        names.as_ref().is_none_or(|names| names.iter().any(is_in_one))
    };
    let mut tests = Command::new("cargo");
    tests.arg("test").args(WORKSPACE).args(&args.filter);
    if need(NEED_SITE) || need(NEED_CLIENTS) {
        ensure_package(is_installed("npm"), "npm", &["nodejs", "npm"])?;
    }
    if need(NEED_SITE) {
        web::build(Ides::Required)?;
    }
    if args.filter.is_none() {
        heading("Lints");
        // This feature compiles the site that was just built into the program.
        let lints = ["clippy", "--workspace", "--all-targets", "--features", "rowlock/site"];
        let flags = ["--quiet", "--", "--deny", "warnings"];
        call("cargo", &[&lints[..], &flags].concat())?;
    }
    if need(NEED_PACKAGES) {
        let out = std::path::absolute(target_folder().join("dist-for-tests"))?;
        dist::package(&program_with_site()?, &out)?;
        tests.env("TEST_PACKAGES", out);
    }
    if need(NEED_BROWSER) {
        let browser = is_installed("chromium") && is_installed("chromedriver");
        ensure_package(browser, "Chromium with its driver", &["chromium", "chromium-driver"])?;
        let axe = fs::canonicalize(AXE.fetch()?.join("axe.min.js"))?;
        tests.env("TEST_AXE_SCRIPT", axe);
    }
    if need(NEED_CLIENTS) {
        ensure_package(is_installed("curl"), "curl", &["curl"])?;
        tests.env("TEST_CLIENTS", npm::install(Path::new("server/tests/clients"))?);
    }
    if need(NEED_POOLER) {
        let pooler = Path::new("/usr/sbin/pgbouncer").is_file() || is_installed("pgbouncer");
        ensure_package(pooler, "PgBouncer", &["pgbouncer"])?;
    }
    if need(NEED_MAIL_SERVER) {
        ensure_mail_server()?;
    }
    let postgres = Postgres::start(Durability::None)?;
    heading("Tests");
    call_command(tests.env("TEST_POSTGRES_URL", postgres.url("postgres")))?;
    if args.filter.is_none() {
        race::on_both_engines(&postgres)?;
        drop(postgres);
        chaos::short_form()?;
    }
    Ok(())
}

fn ensure_mail_server() -> Result<()> {
    let modules = Path::new("/usr/lib/python3/dist-packages");
    let is_present = is_installed("openssl")
        && ["aiosmtpd", "icalendar"].iter().all(|name| modules.join(name).is_dir());
    let packages = ["openssl", "python3", "python3-aiosmtpd", "python3-icalendar"];
    ensure_package(is_present, "an SMTP server for tests", &packages)
}

/// Builds the program with the site, without optimisations. The next build replaces it.
fn program_with_site() -> Result<PathBuf> {
    heading("Building the program with the site");
    let mut build = Command::new("cargo");
    build.args(["build", "--bin", "rowlock", "--features", "rowlock/site"]);
    // There are no examples. With them, cargo chooses the features of dependencies as for tests, and
    // compiles none of them again.
    call_command(build.args(["--workspace", "--exclude", "rowlock-web-bundler", "--examples"]))?;
    Ok(target_folder().join("debug/rowlock"))
}

/// The full names of all tests whose names contain `filter`.
fn names_with(filter: &str) -> Result<Vec<String>> {
    let args = [&["test", "--quiet"], WORKSPACE, &[filter, "--", "--list", "--format", "terse"]];
    let names = output_of("cargo", &args.concat())?;
    ensure!(!names.is_empty(), "no test's name contains {filter:?}");
    Ok(names.lines().map(str::to_owned).collect())
}
