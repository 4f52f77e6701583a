//! Pages of other origins, and the host that a request names.

use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    app::{App, error_code},
    database::Engine,
    demo::JAZZ_NIGHT,
};

const LOG_IN: &str = "mutation { login(input: { email: \"ada@example.org\",
    password: \"ada-demo-1\" }) { accessToken } }";
const REFRESH: &str = "mutation { refresh { user { name } } }";

async fn start(flags: &[&str]) -> App {
    App::start_with(Engine::Sqlite, flags).await
}

/// Sends a request as it is written. Returns everything that the server answers.
async fn send_raw(app: &App, request: &str) -> String {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap().to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_one_host() {
    let app = start(&[]).await;
    let head = "GET /graphql?query={__typename} HTTP/1.1\r\nconnection: close\r\n";
    for (request, status) in [
        (format!("{head}host: a.example\r\n\r\n"), 200),
        (format!("{head}host: [::1]:8080\r\n\r\n"), 200),
        (format!("{head}\r\n"), 400),
        (format!("{head}host: a.example\r\nhost: a.example\r\n\r\n"), 400),
        (format!("{head}host: a.example\r\nHOST: b.example\r\n\r\n"), 400),
        (format!("{head}host: a b\r\n\r\n"), 400),
        (format!("{head}host: a.example/b\r\n\r\n"), 400),
        (format!("{head}host: me@a.example\r\n\r\n"), 400),
        (format!("{head}host: a.example:x\r\n\r\n"), 400),
        (format!("{head}host: a.example, b.example\r\n\r\n"), 400),
        (head.replace("1.1", "1.0") + "\r\n", 200),
        (head.replace("1.1", "1.0") + "host: a\r\nhost: b\r\n\r\n", 400),
        (head.replace("/graphql", "http://a.example/graphql") + "host: b.example\r\n\r\n", 200),
        (head.replace("/graphql", "http://a.example/graphql") + "\r\n", 400),
        ("OPTIONS /graphql HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), 400),
    ] {
        let answer = send_raw(&app, &request).await;
        let version = &answer[..8];
        assert!(answer.starts_with(&format!("{version} {status} ")), "{request}{answer}");
        assert!(answer.contains("\r\nx-request-id: "), "{request}{answer}");
        assert_eq!(answer.contains("bad_user_input"), status == 400, "{request}{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_allowed_origin_may_send_the_headers_of_any_client() {
    let app = start(&["--allowed-origins", "https://Shop.example:443,http://b.example:80"]).await;
    let preflight = async |origin: &str, headers: &str| {
        let url = format!("{}/graphql", app.url);
        let request = app.http.request(Method::OPTIONS, url).header(header::ORIGIN, origin);
        let request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        let request = request.header(header::ACCESS_CONTROL_REQUEST_HEADERS, headers);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().contains_key("x-request-id"));
        let text = |name: header::HeaderName| {
            answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let (allowed, headers) =
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_ALLOW_HEADERS);
        (text(allowed), text(headers))
    };
    const HEADERS: &str = "apollo-require-preflight,apollographql-client-name,\
        apollographql-client-version,authorization,content-type,traceparent,tracestate,x-anything";
    for origin in ["https://shop.example", "https://shop.example:443", "http://B.example"] {
        let (allowed, headers) = preflight(origin, HEADERS).await;
        assert_eq!(allowed.as_deref(), Some(origin));
        assert_eq!(headers.as_deref(), Some(HEADERS), "{origin}");
    }
    for origin in ["http://shop.example", "https://shop.example:8443", "https://evil.example"] {
        assert_eq!(preflight(origin, HEADERS).await.0, None, "{origin}");
    }
    let many = (0..500).map(|number| format!("x-{number}")).collect::<Vec<_>>().join(",");
    assert_eq!(preflight("https://shop.example", &many).await.1, None, "they are too many");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_allowed_origin_may_send_pictures() {
    let app = start(&["--allowed-origins", "https://shop.example"]).await;
    let url = format!("{}/events/{JAZZ_NIGHT}/cover", app.url);
    let request = app.http.request(Method::OPTIONS, url);
    let request = request.header(header::ORIGIN, "https://shop.example");
    let request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT");
    let answer = request.send().await.unwrap();
    let methods = answer.headers()[header::ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap();
    for method in ["GET", "POST", "PUT", "DELETE"] {
        assert!(methods.split(',').any(|allowed| allowed == method), "{methods}");
    }
}

/// Whether a page of this origin may use its visitor's session.
async fn may_refresh(app: &App, headers: &[(&str, &str)]) -> bool {
    let with_headers = |mut request: RequestBuilder| {
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    };
    let login = with_headers(app.request(None, LOG_IN, json!({}))).send().await.unwrap();
    let cookie = login.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
    let refresh = app.request(None, REFRESH, json!({})).header(header::COOKIE, cookie);
    let answer: Value = with_headers(refresh).send().await.unwrap().json().await.unwrap();
    assert!(answer["errors"][0].is_null() || error_code(&answer["errors"][0]) == "UNAUTHENTICATED");
    answer["data"]["refresh"]["user"]["name"] == "Ada"
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_pages_are_known_by_scheme_host_and_port() {
    let app = start(&["--client-address-header", "x-forwarded-for"]).await;
    let (http, https) = (("x-forwarded-proto", "http"), ("x-forwarded-proto", "https"));
    for (host, origin, proto, may) in [
        ("shop.example", "https://shop.example", https, true),
        ("shop.example", "https://Shop.example:443", https, true),
        ("shop.example:443", "https://shop.example", https, true),
        ("shop.example:80", "http://shop.example", http, true),
        ("shop.example", "http://shop.example", https, false),
        ("shop.example", "https://shop.example:444", https, false),
        ("shop.example", "https://evil.example", https, false),
        ("shop.example", "null", https, false),
    ] {
        let headers = [("host", host), ("origin", origin), proto, ("x-forwarded-for", "::1")];
        assert_eq!(may_refresh(&app, &headers).await, may, "{host} {origin} {proto:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_can_be_refreshed_from_other_sites_if_the_operator_wants_it() {
    const ORIGIN: &str = "https://shop.example";
    let allowed = ["--allowed-origins", ORIGIN];
    let set_cookies = async |app: &App, host: &str, cookie: &str| {
        let login = app.request(None, LOG_IN, json!({})).header(header::HOST, host);
        let login = login.header(header::COOKIE, cookie).header(header::ORIGIN, ORIGIN);
        let answer = login.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
        cookies.map(|cookie| cookie.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let strict = start(&allowed).await;
    for cookie in set_cookies(&strict, "tickets.example", "").await {
        assert!(cookie.contains("; SameSite=Strict"), "{cookie}");
        assert!(!cookie.contains("Partitioned"), "{cookie}");
    }
    let none = start(&[&allowed[..], &["--refresh-cookie-same-site", "none"]].concat()).await;
    for host in ["tickets.example", "127.0.0.1"] {
        let cookies = set_cookies(&none, host, "").await;
        assert_eq!(cookies.len(), 2);
        for cookie in cookies {
            for attribute in ["SameSite=None", "Secure", "Partitioned", "HttpOnly"] {
                assert!(cookie.contains(&format!("; {attribute}")), "{host}: {cookie}");
            }
        }
    }
    let headers = [("host", "tickets.example"), ("origin", ORIGIN)];
    assert!(may_refresh(&none, &headers).await);
    let evil = [("host", "tickets.example"), ("origin", "https://evil.example")];
    assert!(!may_refresh(&none, &evil).await);
    // A cookie from before the change of the setting would stay beside the new one.
    let cookies = set_cookies(&none, "tickets.example", "__Host-rowlock_refresh=x").await;
    assert!(cookies[0].starts_with("__Host-rowlock_refresh=; "), "{cookies:?}");
    assert!(cookies[0].contains("Max-Age=0") && !cookies[0].contains("Partitioned"), "{cookies:?}");
    assert!(cookies[1].contains("Partitioned") && !cookies[1].contains("Max-Age=0"), "{cookies:?}");
}
