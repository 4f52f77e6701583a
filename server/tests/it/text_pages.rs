//! The site's own pages, such as help and terms.

use std::{fs, path::Path};

use reqwest::{Method, StatusCode, header};
use tempfile::TempDir;

use crate::{app::App, commands::one_line_error, database::Engine, program::rowlock_command};

const PAGES: [(&str, &str); 4] =
    [("/help", "Help"), ("/terms", "Terms"), ("/privacy", "Privacy"), ("/refunds", "Refunds")];

async fn page(app: &App, path: &str) -> String {
    app.get(path).send().await.unwrap().text().await.unwrap()
}

/// Starts a server with these texts.
async fn start_with_texts(folder: &Path, texts: &[(&str, &str)]) -> App {
    for (name, text) in texts {
        fs::write(folder.join(name), text).unwrap();
    }
    App::start_with(Engine::Sqlite, &["--pages-dir", folder.to_str().unwrap()]).await
}

#[tokio::test]
async fn a_text_is_a_whole_page_that_needs_no_script() {
    let app = App::start(Engine::Sqlite).await;
    let client = app.get("/events").send().await.unwrap();
    for (path, title) in PAGES {
        for path in [path.to_owned(), format!("{path}/")] {
            let answer = app.get(&path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            for name in [
                header::CONTENT_TYPE,
                header::CONTENT_SECURITY_POLICY,
                header::REFERRER_POLICY,
                header::CACHE_CONTROL,
                header::VARY,
            ] {
                assert_eq!(answer.headers().get(&name), client.headers().get(&name), "{path}");
            }
            let page = answer.text().await.unwrap();
            assert!(page.contains(&format!("<title>{title} · Rowlock</title>")), "{page}");
            assert!(page.contains(&format!("<h1>{title}</h1>")), "{page}");
            assert!(page.contains("<meta name=\"description\""), "{page}");
            let address = format!("{}/{}", app.url, path.trim_matches('/'));
            assert!(page.contains(&format!("rel=\"canonical\" href=\"{address}\"")), "{page}");
            assert!(!page.contains("<script") && !page.contains("<!--"), "{page}");
            let (_, style) = page.split_once("rel=\"stylesheet\" href=\"").unwrap();
            let style = app.get(style.split('"').next().unwrap()).send().await.unwrap();
            assert_eq!(style.status(), StatusCode::OK);
            for link in ["/events", "/help", "/terms", "/privacy", "/refunds", "/playground"] {
                let is_here = path.trim_end_matches('/') == link;
                let current = if is_here { " aria-current=\"page\"" } else { "" };
                assert!(page.contains(&format!("<a href=\"{link}\"{current}>")), "{link}: {page}");
            }
        }
    }
}

#[tokio::test]
async fn a_text_of_the_operator_takes_the_place_of_its_own_page_alone() {
    let folder = TempDir::new().unwrap();
    let terms = "\u{feff}# Our <b>terms</b> & more\n\nBe *kind*.\n\n<script>alert(1)</script>\n\n\
                 [a](javascript:alert(1)) [b](/help) ![c](https://a.example/c.png)";
    let texts = [("terms.md", terms), ("help.md", "Ask us.\n"), ("imprint.md", "# Imprint")];
    let app = start_with_texts(folder.path(), &texts).await;
    let terms = page(&app, "/terms").await;
    assert!(terms.contains("<title>Our &lt;b&gt;terms&lt;/b&gt; &amp; more · Rowlock</title>"));
    assert!(terms.contains("<meta name=\"description\" content=\"Be kind.\" />"), "{terms}");
    assert!(terms.contains("<p>Be <em>kind</em>.</p>"), "{terms}");
    assert!(terms.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{terms}");
    assert!(terms.contains("<p>a <a href=\"/help\">b</a> c</p>"), "{terms}");
    assert!(!terms.contains("<script") && !terms.contains("<img"), "{terms}");
    let help = page(&app, "/help").await;
    assert!(help.contains("<title>Help · Rowlock</title>"), "{help}");
    assert!(help.contains("<h1>Help</h1>\n<p>Ask us.</p>"), "{help}");
    assert!(page(&app, "/privacy").await.contains("__Host-"));
    assert_eq!(app.get("/imprint").send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_browser_that_has_the_text_does_not_get_it_again() {
    let app = App::start(Engine::Sqlite).await;
    let first = app.get("/help").send().await.unwrap();
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = app.get("/help").header(header::IF_NONE_MATCH, &known).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(again.headers()[header::ETAG], tag.as_str());
        assert_eq!(again.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(again.text().await.unwrap(), "");
    }
    let terms = app.get("/terms").header(header::IF_NONE_MATCH, &tag).send().await.unwrap();
    assert_eq!(terms.status(), StatusCode::OK);
    let head = app.http.head(format!("{}/help", app.url)).send().await.unwrap();
    assert_eq!(head.headers()[header::ETAG], tag.as_str());
    let posted = app.http.request(Method::POST, format!("{}/help", app.url)).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_address_without_a_text_is_not_found() {
    let app = App::start(Engine::Sqlite).await;
    for path in ["/help/more", "/help.md", "/Help", "/page.html", "/imprint"] {
        let answer = app.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().await.unwrap().contains("<title>Not found · Rowlock</title>"));
    }
}

#[tokio::test]
async fn no_text_links_to_ides_that_are_not_served() {
    let app = App::start_with(Engine::Sqlite, &["--introspection", "false"]).await;
    let page = page(&app, "/help").await;
    assert!(page.contains("<a href=\"/terms\">") && !page.contains("/playground"), "{page}");
}

#[tokio::test]
async fn another_client_has_its_own_pages() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("index.html"), "<title>Another client</title>").unwrap();
    let flags = ["--web-dir", folder.path().to_str().unwrap()];
    let app = App::start_with(Engine::Sqlite, &flags).await;
    assert_eq!(page(&app, "/help").await, "<title>Another client</title>");
}

#[test]
fn a_text_that_can_t_be_shown_is_reported_in_one_line() {
    let folder = TempDir::new().unwrap();
    let texts = folder.path().join("texts");
    fs::create_dir(&texts).unwrap();
    let error = || {
        one_line_error(&rowlock_command(folder.path()).env("PAGES_DIR", &texts).output().unwrap())
    };
    assert!(error().contains("it has none of the files help.md, terms.md"), "{}", error());
    for (bytes, problem) in [
        (&b"caf\xe9"[..], "help.md is not in UTF-8"),
        (b" \n", "help.md is empty"),
        (&[b'a'; 262_145], "help.md has more than 262144 bytes"),
    ] {
        fs::write(texts.join("help.md"), bytes).unwrap();
        let line = error();
        assert!(line.contains("--pages-dir") && line.contains(problem), "{line}");
    }
    fs::remove_file(texts.join("help.md")).unwrap();
    fs::create_dir(texts.join("help.md")).unwrap();
    assert!(error().contains("help.md is not a file"), "{}", error());
    assert!(!folder.path().join("data").exists(), "nothing has started");
}
