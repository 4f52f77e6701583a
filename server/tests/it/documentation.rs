//! Checks the files, commands, settings and errors that the documents name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PAGES: [&str; 16] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs/api.md",
    "docs/benchmarks.md",
    "docs/errors.md",
    "docs/growth.md",
    "docs/guarantee.md",
    "docs/limits.md",
    "docs/mails.md",
    "docs/operations.md",
    "docs/organizers.md",
    "docs/security.md",
    "docs/settings.md",
];

/// The name and the text of each page.
fn pages() -> Vec<(&'static str, String)> {
    let read = |page| fs::read_to_string(repository().join(page)).expect(page);
    PAGES.into_iter().map(|page| (page, read(page))).collect()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines of a page that are in fenced blocks, or the lines that are not.
fn lines(text: &str, want_fenced: bool) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fence && is_fenced == want_fenced
    })
}

/// The anchor in a link that leads to a heading.
fn heading_anchor(heading: &str) -> String {
    let characters = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    characters.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_markdown_page_is_checked() {
    let mut found: BTreeSet<String> = BTreeSet::new();
    for (folder, prefix) in [("", ""), ("docs", "docs/")] {
        for entry in fs::read_dir(repository().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                found.insert(format!("{prefix}{name}"));
            }
        }
    }
    assert_eq!(found, PAGES.map(str::to_owned).into());
}

#[test]
fn every_link_has_a_target() {
    let headings: BTreeMap<PathBuf, Vec<String>> = pages()
        .iter()
        .map(|(page, text)| {
            let headings = lines(text, false).filter_map(|line| {
                let title = line.trim_start_matches('#').strip_prefix(' ')?;
                line.starts_with('#').then(|| heading_anchor(title))
            });
            (fs::canonicalize(repository().join(page)).unwrap(), headings.collect())
        })
        .collect();
    let mut links = 0;
    for (page, text) in pages() {
        for target in lines(&text, false).flat_map(|line| line.split("](").skip(1)) {
            let target = target.split(')').next().unwrap();
            if target.starts_with("http") {
                continue;
            }
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let here = repository().join(page);
            let file = if file.is_empty() { here } else { here.parent().unwrap().join(file) };
            let file = fs::canonicalize(&file).unwrap_or_else(|_| panic!("{page}: {target}"));
            let has_anchor = || {
                headings.get(&file).is_some_and(|all| all.iter().any(|heading| heading == anchor))
            };
            assert!(anchor.is_empty() || has_anchor(), "{page}: {target}");
        }
    }
    assert!(links > 40, "only {links} links were found");
}

/// The words after the program's name in the documents' commands, up to the first placeholder.
fn documented_commands(prefix: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for (_, text) in pages() {
        let fenced = lines(&text, true).map(str::trim_start);
        let quoted = lines(&text, false).flat_map(|line| line.split('`').skip(1).step_by(2));
        for line in fenced.chain(quoted) {
            let Some(rest) = line.strip_prefix(prefix) else { continue };
            // The text after two spaces is an explanation.
            let words = rest.split("  ").next().unwrap_or_default().split_whitespace();
            // Stop at a comment or a placeholder, and drop the flag before it.
            let is_literal = |word: &&str| {
                !word.starts_with(['#', '[', '$'])
                    && !word.chars().all(|c| c.is_uppercase() || c == '…')
            };
            let all: Vec<&str> = words.collect();
            let mut literal = all.iter().take_while(|word| is_literal(word)).count();
            if literal < all.len() && literal > 0 && all[literal - 1].starts_with("--") {
                literal -= 1;
            }
            found.insert(all[..literal].iter().map(|word| (*word).to_owned()).collect());
        }
    }
    found
}

/// Asserts that a program knows these words, by asking it for help about them.
fn assert_known(program: &Path, words: &[String]) {
    assert!(program.exists(), "{} is not built: run `cargo xtask test`", program.display());
    let output = Command::new(program).args(words).arg("--help").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {}: {stderr}", program.display(), words.join(" "));
}

#[test]
fn every_documented_command_exists() {
    let rowlock = Path::new(env!("CARGO_BIN_EXE_rowlock"));
    let build_folder = rowlock.parent().unwrap();
    let programs = [
        ("cargo xtask ", build_folder.join("xtask")),
        ("cargo run -p rowlock-loadtest -- ", build_folder.join("loadtest")),
        ("cargo run --release -p rowlock-loadtest -- ", build_folder.join("loadtest")),
        ("cargo run -p rowlock -- ", rowlock.into()),
        ("cargo run --release -p rowlock -- ", rowlock.into()),
        ("rowlock ", rowlock.into()),
    ];
    for (prefix, program) in programs {
        let commands = documented_commands(prefix);
        assert!(!commands.is_empty(), "{prefix}");
        for words in commands {
            // The words after `--` are for another program.
            let own = words.iter().position(|word| word == "--").unwrap_or(words.len());
            assert_known(&program, &words[..own]);
        }
    }
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let help = Command::new(env!("CARGO_BIN_EXE_rowlock")).args(["serve", "--help"]).output();
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    let mut settings = BTreeMap::new();
    for paragraph in help.split("\n      --").filter(|paragraph| paragraph.contains("[env: ")) {
        let between = |start, end| {
            let rest = paragraph.split_once(start)?.1;
            Some(rest.split_once(end)?.0.to_owned())
        };
        let name = between("[env: ", "]").unwrap();
        let name = name.split('=').next().unwrap().to_owned();
        settings.insert(name, between("[default: ", "]").unwrap_or_else(|| "–".to_owned()));
    }
    assert!(settings.len() > 30, "{settings:?}");
    let page = fs::read_to_string(repository().join("docs/settings.md")).unwrap();
    let mut documented = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        documented.insert(cells[1].to_owned(), cells[2].to_owned());
    }
    assert_eq!(documented, settings);
    // All pages name only settings that exist.
    for (page, text) in pages() {
        for word in text.split(|c: char| !c.is_ascii_uppercase() && c != '_') {
            let prefix = word.split('_').next().unwrap_or_default();
            if ["MAX", "BOOKING", "SOCKET", "DATABASE"].contains(&prefix) && word.contains('_') {
                assert!(settings.contains_key(word), "{page}: {word}");
            }
        }
    }
}

/// The members of each interface and union of the schema.
fn possible_types(schema: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in schema.lines() {
        if let Some((name, members)) =
            line.strip_prefix("union ").and_then(|rest| rest.split_once(" = "))
        {
            found.entry(name).or_default().extend(members.split(" | "));
        } else if let Some((member, interfaces)) =
            line.strip_prefix("type ").and_then(|rest| rest.split_once(" implements "))
        {
            for interface in interfaces.trim_end_matches(" {").split(" & ") {
                found.entry(interface).or_default().insert(member);
            }
        }
    }
    found
}

#[test]
fn the_api_guide_names_the_members_of_every_interface_and_union() {
    let schema = fs::read_to_string(repository().join("schema.graphql")).unwrap();
    let guide = fs::read_to_string(repository().join("docs/api.md")).unwrap();
    let listed = guide.split_once("possibleTypes: {").unwrap().1.split('}').next().unwrap();
    let mut documented: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in listed.split(']').filter(|entry| entry.contains('[')) {
        let (name, members) = entry.split_once(": [").unwrap();
        let members = members.split(',').map(|member| member.trim().trim_matches('\''));
        documented.insert(name.trim_matches([',', ' ', '\n']), members.collect());
    }
    let schema = possible_types(&schema);
    assert!(schema.len() >= 4, "{schema:?}");
    assert_eq!(documented, schema);
}

#[test]
fn every_error_and_close_code_is_documented() {
    let page = fs::read_to_string(repository().join("docs/errors.md")).unwrap();
    let error_codes = rowlock::graphql::code::ALL.iter().map(ToString::to_string);
    let close_codes = rowlock::http::CLOSE_CODES.iter().map(ToString::to_string);
    let codes: Vec<_> = error_codes.chain(close_codes).collect();
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        let is_documented =
            page.contains(&format!("| `{code}` |")) || page.contains(&format!("| {code} |"));
        assert!(is_documented, "{code}");
    }
}
