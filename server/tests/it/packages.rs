//! What `cargo xtask dist` makes, here from a program without optimisations.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use reqwest::{Method, header};
use tempfile::TempDir;

use crate::{app::App, database::Engine, program::Program};

/// A user who owns nothing. Only root can become one.
const NOBODY: u32 = 65_534;

/// The only file in the packages' folder whose name ends like this.
fn package(end: &str) -> PathBuf {
    let folder = env::var_os("TEST_PACKAGES").expect("set by `cargo xtask test`");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut found = files.filter(|file| file.to_str().unwrap().ends_with(end));
    found.next().unwrap_or_else(|| panic!("there is no package *{end}"))
}

/// Runs a command that must succeed, and returns its output.
fn output_of(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// The tarball, unpacked in an empty folder by a user who owns nothing else.
pub(crate) struct Unpacked {
    folder: TempDir,
}

impl Unpacked {
    pub(crate) fn new() -> Self {
        let unpacked = Self { folder: TempDir::new().unwrap() };
        if rustix::process::geteuid().is_root() {
            chown(unpacked.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let tarball = fs::File::open(package(".tar.gz")).unwrap();
        output_of(unpacked.command("tar").args(["--strip-components=1", "-xz"]).stdin(tarball));
        unpacked
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// A command in the folder, of the same user, without any variables.
    fn command(&self, program: &str) -> Command {
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
            command.args(user).args(["--clear-groups", "--", program]);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path()).env_clear();
        command
    }

    pub(crate) fn rowlock(&self, args: &[&str]) -> String {
        output_of(self.command("./rowlock").args(args))
    }

    /// Starts the server, with these variables only.
    pub(crate) async fn serve(&self, settings: &[(&str, &str)]) -> Program {
        Program::start(self.command("./rowlock"), TempDir::new().unwrap(), settings).await
    }
}

#[test]
fn the_tarball_has_the_manual_completions_and_licences() {
    let unpacked = Unpacked::new();
    let manual = unpacked.read("man/rowlock.1");
    assert!(manual.contains("JWT_SECRET") && manual.contains("audit"), "{manual}");
    assert!(unpacked.read("man/rowlock-serve.1").contains(".TH rowlock-serve 1"));
    for shell in ["bash", "zsh", "fish"] {
        let printed = unpacked.rowlock(&["completions", shell]);
        let file = match shell {
            "bash" => "rowlock.bash",
            "zsh" => "_rowlock",
            _ => "rowlock.fish",
        };
        assert_eq!(unpacked.read(&format!("completions/{file}")), printed, "{shell}");
        assert!(printed.contains("migrate") && printed.contains("web-dir"), "{shell}");
    }
    let complete = ". completions/rowlock.bash; complete -p rowlock";
    assert!(output_of(unpacked.command("bash").args(["-c", complete])).contains("_rowlock"));
    let licences = unpacked.read("THIRD-PARTY-LICENSES.txt");
    for work in [
        "\ntokio 1.",
        "\nrust-embed 8.",
        "\nleptos 0.",
        "\nreact 19.",
        "Permission is hereby granted",
    ] {
        assert!(licences.contains(work), "{work}");
    }
    for file in ["LICENSE", "README.md", "CHANGELOG.md", "docs/settings.md", "docs/events.png"] {
        assert!(unpacked.path(file).is_file(), "{file}");
    }
}

#[test]
fn the_version_names_the_commit() {
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let is_checkout = Path::new("../.git").exists();
    let printed = Unpacked::new().rowlock(&["--version"]);
    let version = concat!("rowlock ", env!("CARGO_PKG_VERSION"));
    match git {
        Ok(git) if is_checkout && git.status.success() => {
            let commit = String::from_utf8(git.stdout).unwrap();
            let named = format!("{version} ({}", commit.trim());
            assert!(printed.starts_with(&named), "{printed:?} does not start with {named:?}");
        }
        _ => assert_eq!(printed.trim(), version),
    }
}

/// The status, the headers that are not different each time, and the body.
type Answer = (u16, Vec<(String, String)>, Vec<u8>);

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let changing = ["date", "etag", "last-modified", "x-request-id"];
    let mut headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .filter(|(name, _)| !changing.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (response.status().as_u16(), headers, response.bytes().await.unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_in_the_program_is_served_as_from_a_folder() {
    let unpacked = Unpacked::new();
    let embedded = unpacked.serve(&[]).await;
    let app = App::start(Engine::Sqlite).await;
    let page = app.get("/").send().await.unwrap().text().await.unwrap();
    let assets = page.split('"').filter(|text| text.starts_with("/assets/"));
    let paths = [
        "/",
        "/events/7",
        "/bookings",
        "/nowhere",
        "/playground",
        "/graphiql",
        "/ide/playground/start.js",
        "/ide/playground",
        "/ide/playground/",
        "/ide/missing.js",
        "/robots.txt",
        "/apple-touch-icon.png",
        "/assets/missing.js",
        "/assets",
        "/assets/../index.html",
        "/assets/%2e%2e/operations.json",
        "/ide/playground/start.js/",
    ];
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    for path in paths.into_iter().chain(assets) {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            for (name, value) in
                [("accept", "*/*"), ("accept-encoding", "br"), ("range", "bytes=5-20")]
            {
                // Addresses in pages have the host.
                let ask = |url: &str| {
                    let request = http.request(method.clone(), format!("{url}{path}"));
                    request.header(header::HOST, "a.example").header(name, value)
                };
                let (from_folder, from_program) =
                    futures_util::join!(answer(ask(&app.url)), answer(ask(&embedded.url)));
                assert!(from_folder == from_program, "{method} {path} {name}: {from_program:?}");
            }
        }
    }
    let first = embedded.get("/robots.txt").send().await.unwrap();
    let etag = first.headers()[header::ETAG].clone();
    let again = embedded.get("/robots.txt").header(header::IF_NONE_MATCH, etag);
    assert_eq!(again.send().await.unwrap().status(), 304);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_takes_the_place_of_the_site_in_the_program() {
    let unpacked = Unpacked::new();
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("index.html"), "<title>Another client</title>").unwrap();
    let program = unpacked.serve(&[("WEB_DIR", folder.path().to_str().unwrap())]).await;
    let page = program.get("/events").send().await.unwrap().text().await.unwrap();
    assert_eq!(page, "<title>Another client</title>");
    assert_eq!(program.get("/robots.txt").send().await.unwrap().status(), 404);
}

/// Runs dpkg on a file system of its own.
fn dpkg(root: &Path, args: &[&str]) -> String {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "dpkg"]);
    if rustix::process::geteuid().is_root() {
        command = Command::new("dpkg");
    }
    command.args(["--force-depends", "--force-script-chrootless"]);
    output_of(command.arg(format!("--root={}", root.display())).args(args))
}

/// All files and folders, except those of dpkg.
fn entries(root: &Path) -> Vec<String> {
    let dpkg = root.join("var/lib/dpkg");
    let mut find = Command::new("find");
    find.arg(root).args(["-mindepth", "1", "-path"]).arg(dpkg).args(["-prune", "-o", "-printf"]);
    output_of(find.arg("%P\\n")).lines().map(str::to_owned).collect()
}

#[test]
fn the_debian_package_is_installed_and_leaves_nothing_behind() {
    let root = TempDir::new().unwrap();
    let path = |file: &str| root.path().join(file);
    for folder in ["info", "updates", "triggers"] {
        fs::create_dir_all(path("var/lib/dpkg").join(folder)).unwrap();
    }
    fs::write(path("var/lib/dpkg/status"), "").unwrap();
    let before = entries(root.path());

    dpkg(root.path(), &["--install", package(".deb").to_str().unwrap()]);
    assert_eq!(dpkg(root.path(), &["--verify", "rowlock"]), "", "each file has its checksum");
    let version = output_of(Command::new(path("usr/bin/rowlock")).arg("--version"));
    assert!(version.starts_with("rowlock "), "{version}");
    let unit = fs::read_to_string(path("usr/lib/systemd/system/rowlock.service")).unwrap();
    assert!(unit.contains("\nExecStart=/usr/bin/rowlock serve\n"), "{unit}");
    let settings = unit.lines().find_map(|line| line.strip_prefix("EnvironmentFile=/")).unwrap();
    let mode = fs::metadata(path(settings)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only root reads the secrets");
    let set = fs::read_to_string(path(settings)).unwrap();
    assert!(set.lines().all(|line| line.is_empty() || line.starts_with('#')), "{set}");
    for file in [
        "usr/share/man/man1/rowlock.1.gz",
        "usr/share/bash-completion/completions/rowlock",
        "usr/share/doc/rowlock/copyright",
        "usr/share/rowlock/operations.json",
    ] {
        assert!(path(file).is_file(), "{file}");
    }

    fs::write(path(settings), "LISTEN_ADDR=127.0.0.1:80\n").unwrap();
    let data = path("var/lib/private/rowlock/data");
    fs::create_dir_all(&data).unwrap();
    dpkg(root.path(), &["--remove", "rowlock"]);
    assert!(path(settings).is_file() && data.is_dir(), "both stay for a new installation");
    assert!(!path("usr").exists());
    dpkg(root.path(), &["--purge", "rowlock"]);
    fs::remove_dir(path("var/lib/private")).unwrap();
    assert_eq!(entries(root.path()), before);
}
