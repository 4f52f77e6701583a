//! The web client's files and their headers.

use reqwest::header;

use crate::{app::App, database::Engine};

#[tokio::test]
async fn every_page_has_a_content_security_policy() {
    let app = App::start(Engine::Sqlite).await;
    for (path, scripts) in [
        ("/", "script-src 'self' 'wasm-unsafe-eval';"),
        ("/anything", "script-src 'self' 'wasm-unsafe-eval';"),
        ("/playground", "script-src 'self';"),
        ("/ide/playground/index.html", "script-src 'self';"),
        ("/assets/missing.js", "default-src 'none';"),
    ] {
        let page = app.get(path).header(header::ACCEPT, "text/html");
        let headers = page.send().await.unwrap().headers().clone();
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains(scripts), "{path}: {policy}");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(headers[header::REFERRER_POLICY], "same-origin", "{path}");
        assert_eq!(headers["cross-origin-opener-policy"], "same-origin", "{path}");
    }
}

#[tokio::test]
async fn nothing_links_to_ides_that_are_not_served() {
    for (flags, has_ides) in [(&[][..], true), (&["--introspection", "false"], false)] {
        let app = App::start_with(Engine::Sqlite, flags).await;
        let get = async |path: &str| {
            let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
            app.get(path).header(header::ACCEPT, browser).send().await.unwrap()
        };
        for path in ["/", "/events/anything"] {
            let page = get(path).await.text().await.unwrap();
            assert!(page.contains(" · Rowlock</title>"), "{page}");
            assert_eq!(page.contains("/playground"), has_ides, "{page}");
        }
        let api = get("/graphql").await;
        let (status, is_playground) = (api.status(), api.url().path() == "/playground");
        assert_eq!(
            (status.as_u16(), is_playground),
            if has_ides { (200, true) } else { (400, false) }
        );
        assert!(!api.text().await.unwrap().contains("/graphiql"));
        assert_eq!(get("/graphiql").await.status() == 200, has_ides);
    }
}

#[tokio::test]
async fn the_web_client_is_served_compressed_and_cached_forever_under_hashed_names() {
    let app = App::start(Engine::Sqlite).await;
    let get = async |path: &str| {
        let request = app.get(path);
        request.header(header::ACCEPT_ENCODING, "br").send().await.unwrap()
    };
    let plain = app.get("/").send().await.unwrap();
    assert_eq!(plain.headers()[header::CACHE_CONTROL], "no-cache");
    let page = plain.text().await.unwrap();
    let assets: Vec<&str> = page.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert!(assets.len() >= 5, "{page}");
    for asset in assets {
        let answer = get(asset).await;
        assert_eq!(answer.status(), 200, "{asset}");
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    }
    assert_eq!(get("/assets/missing.js").await.status(), 404);
    for path in [
        "/assets/../../Cargo.toml",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/ide/..%2f..%2fsrc/main.rs",
    ] {
        let answer = get(path).await;
        assert!(!answer.text().await.unwrap().contains("[package]"), "{path}");
    }
}

#[tokio::test]
async fn files_that_are_asked_for_by_name_are_there() {
    let app = App::start(Engine::Sqlite).await;
    for (path, content_type) in
        [("/robots.txt", "text/plain"), ("/apple-touch-icon.png", "image/png")]
    {
        let answer = app.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], content_type);
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache");
        let etag = answer.headers()[header::ETAG].clone();
        let again = app.get(path).header(header::IF_NONE_MATCH, etag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path}");
    }
    let robots = app.get("/robots.txt").send().await.unwrap().text().await.unwrap();
    // A crawler that runs the client's scripts loads events from /graphql.
    let forbids = |path: &str| robots.lines().any(|line| line == format!("Disallow: {path}"));
    assert!(forbids("/graphiql") && !forbids("/graphql") && !forbids("/"), "{robots}");
}
