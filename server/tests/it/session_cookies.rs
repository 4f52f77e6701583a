//! The refresh cookie among other cookies, and under the name that earlier versions gave it.

use chrono::Duration;
use reqwest::{Response, header};
use serde_json::{Value, json};

use crate::{app::App, database::Engine};

const HOST: &str = "tickets.example";
const REFRESH: &str = "mutation { refresh { user { name } } }";
const LOG_OUT: &str = "mutation { logout }";

async fn send(app: &App, host: &str, query: &str, cookies: &[&[u8]]) -> Response {
    let mut request = app.request(None, query, json!({})).header(header::HOST, host);
    for line in cookies {
        request = request.header(header::COOKIE, header::HeaderValue::from_bytes(line).unwrap());
    }
    request.send().await.unwrap()
}

fn set_cookies(response: &Response) -> Vec<String> {
    let cookies = response.headers().get_all(header::SET_COOKIE).iter();
    cookies.map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

/// Signs in, and returns the refresh token.
async fn log_in(app: &App, host: &str, name: &str) -> String {
    let first_name = name.to_lowercase();
    let query = format!(
        "mutation {{ login(input: {{ email: \"{first_name}@example.org\",
            password: \"{first_name}-demo-1\" }}) {{ user {{ name }} }} }}"
    );
    let cookies = set_cookies(&send(app, host, &query, &[]).await);
    let (_, token) = cookies[0].split(';').next().unwrap().split_once('=').unwrap();
    token.to_owned()
}

/// The name of the person whose session these cookies refresh, or the error's code.
async fn refreshed(app: &App, host: &str, cookies: &[&[u8]]) -> String {
    let answer: Value = send(app, host, REFRESH, cookies).await.json().await.unwrap();
    let name = answer["data"]["refresh"]["user"]["name"].as_str();
    let code = answer["errors"][0]["extensions"]["code"].as_str();
    name.or(code).unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Makes every token one that an earlier version issued.
async fn turn_into_earlier_sessions(app: &App) {
    app.execute_sql("UPDATE refresh_tokens SET nonce = substr(nonce, 1, 16)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_the_cookie_belongs_to_this_very_host() {
    let app = App::start(Engine::Sqlite).await;
    let login = "mutation { login(input: { email: \"ada@example.org\",
        password: \"ada-demo-1\" }) { user { name } } }";
    for cookie in set_cookies(&send(&app, HOST, login, &[]).await) {
        assert!(cookie.starts_with("__Host-rowlock_"), "{cookie}");
        for attribute in ["; Secure", "; Path=/;", "; HttpOnly"] {
            assert!(format!("{cookie};").contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    for cookie in set_cookies(&send(&app, "localhost:8080", login, &[]).await) {
        assert!(cookie.starts_with("rowlock_") && cookie.contains("; Path=/graphql"), "{cookie}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_found_among_foreign_ones_in_any_form() {
    let app = App::start(Engine::Sqlite).await;
    for (host, name) in [(HOST, "__Host-rowlock_refresh"), ("localhost", "rowlock_refresh")] {
        let own = format!("{name}={}", log_in(&app, host, "Ada").await).into_bytes();
        let quoted = format!("{name}=\"{}\"", log_in(&app, host, "Ada").await).into_bytes();
        for lines in [
            &[&b"a=1; b=2"[..], &own][..],
            &[b"a=\xff\xfe\x80", &own, b"c=\"x;y\""],
            &[&[b"a=\"\xe4\"; ==; =x; y; ", &own[..], b"; z=\x80"].concat()],
            &[&[&b"x=\";"[..], &own].concat()],
            &[&[format!("{name}=; {name}=x; {name}").as_bytes(), b";", &own].concat()],
            &[format!("{name}={}", "A".repeat(43)).as_bytes(), &own],
            &[&own, &own],
            &[&quoted],
        ] {
            assert_eq!(refreshed(&app, host, lines).await, "Ada", "{lines:?}");
        }
        let out = send(&app, host, LOG_OUT, &[b"a=\xff; b=\"", &own, b"c=1"]).await;
        assert!(set_cookies(&out)[0].starts_with(&format!("{name}=; ")), "{out:?}");
        assert_eq!(refreshed(&app, host, &[&own]).await, "UNAUTHENTICATED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_cookie_neither_ends_a_session_nor_signs_into_another_account() {
    let app = App::start(Engine::Sqlite).await;
    for (host, name) in [(HOST, "__Host-rowlock_refresh"), ("localhost", "rowlock_refresh")] {
        let own = format!("{name}={}", log_in(&app, host, "Ada").await);
        let planted = format!("rowlock_refresh={}", log_in(&app, host, "Grace").await);
        for both in [format!("{own}; {planted}"), format!("{planted}; {own}")] {
            let expected = if host == HOST { "Ada" } else { "UNAUTHENTICATED" };
            assert_eq!(refreshed(&app, host, &[both.as_bytes()]).await, expected, "{both}");
        }
        assert_eq!(refreshed(&app, host, &[own.as_bytes()]).await, "Ada", "nothing has ended");
        if host == HOST {
            let alone = refreshed(&app, host, &[planted.as_bytes()]).await;
            assert_eq!(alone, "UNAUTHENTICATED", "this version sets no such cookie");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_cookie_beside_its_successor_ends_nothing() {
    let app = App::start(Engine::Sqlite).await;
    let token = log_in(&app, "localhost", "Ada").await;
    let mut tokens = vec![token];
    for _ in 0..3 {
        let cookie = format!("rowlock_refresh={}", tokens.last().unwrap());
        let answer = send(&app, "localhost", REFRESH, &[cookie.as_bytes()]).await;
        let set = set_cookies(&answer)[0].clone();
        let (pair, _) = set.split_once(';').unwrap();
        tokens.push(pair.strip_prefix("rowlock_refresh=").unwrap().to_owned());
        app.clock.advance(Duration::minutes(10));
    }
    let both = format!("rowlock_refresh={}; rowlock_refresh={}", tokens[0], tokens[3]);
    assert_eq!(refreshed(&app, "localhost", &[both.as_bytes()]).await, "Ada");
    let void = format!("rowlock_refresh={0}; rowlock_refresh={0}x; a={0}", tokens[0]);
    assert_eq!(refreshed(&app, "localhost", &[void.as_bytes()]).await, "UNAUTHENTICATED");
    let last = format!("rowlock_refresh={}", tokens[3]);
    let ended = refreshed(&app, "localhost", &[last.as_bytes()]).await;
    assert_eq!(ended, "UNAUTHENTICATED", "a void token alone was stolen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_an_earlier_version_goes_on_under_the_new_name() {
    let app = App::start(Engine::Sqlite).await;
    let token = log_in(&app, HOST, "Ada").await;
    turn_into_earlier_sessions(&app).await;
    let earlier = format!("rowlock_refresh={token}");
    let answer = send(&app, HOST, REFRESH, &[earlier.as_bytes()]).await;
    let set = set_cookies(&answer);
    assert!(
        set[0].starts_with("__Host-rowlock_refresh=") && set[0].contains("; Path=/;"),
        "{set:?}"
    );
    assert!(set[1].starts_with("rowlock_refresh=; "), "{set:?}");
    assert!(set[1].contains("Max-Age=0") && set[1].contains("Path=/graphql"), "{set:?}");
    let (current, _) = set[0].split_once(';').unwrap();
    // Even if the browser still has the earlier one.
    let both = format!("{earlier}; {current}");
    assert_eq!(refreshed(&app, HOST, &[both.as_bytes()]).await, "Ada");
    let out = send(&app, HOST, LOG_OUT, &[both.as_bytes()]).await;
    assert_eq!(set_cookies(&out).len(), 2, "both names are cleared");
    for cookie in [&earlier, current] {
        assert_eq!(refreshed(&app, HOST, &[cookie.as_bytes()]).await, "UNAUTHENTICATED");
    }
}
