//! Frames and messages that break the rules of WebSocket or of its subprotocols, byte by byte.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    app::App,
    database::Engine,
    socket::{LEGACY_PROTOCOL, MODERN_PROTOCOL},
};

const TIMEOUT: Duration = Duration::from_secs(10);
const FINAL: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;

/// A masked frame, whose mask changes nothing.
fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | u8::try_from(len).unwrap()),
        len @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Opens a socket, sends these bytes, and returns the code and the reason of the server's close
/// frame, after which the connection must end in order.
async fn close_after(app: &App, protocol: &str, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    let upgrade = format!(
        "GET /graphql HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: {protocol}\r\n\r\n",
        app.address()
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream.write_all(bytes).await.unwrap();
    let mut received = Vec::new();
    let reading = timeout(TIMEOUT, stream.read_to_end(&mut received));
    reading.await.expect("the server ends the connection").expect("it does not reset it");
    // Each of the server's frames is short.
    let mut rest = &received[..];
    while let [first, len, after @ ..] = rest {
        let (payload, after) = after.split_at(usize::from(*len));
        if *first == FINAL | CLOSE {
            let (code, reason) = payload.split_at(2);
            let code = u16::from_be_bytes([code[0], code[1]]);
            return (code, String::from_utf8(reason.to_vec()).unwrap());
        }
        rest = after;
    }
    panic!("no close frame: {received:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_frame_closes_the_socket_with_the_code_of_the_rule() {
    let app = App::start_with(Engine::Sqlite, &["--max-body-bytes", "1000"]).await;
    let ping = json!({ "type": "ping" }).to_string();
    let unmasked = [&[FINAL | TEXT, u8::try_from(ping.len()).unwrap()], ping.as_bytes()].concat();
    let two_parts = |first: &[u8], second: &[u8]| {
        [frame(TEXT, first), frame(FINAL | CONTINUATION, second)].concat()
    };
    let many_small = [frame(TEXT, &[b' '; 600]), frame(CONTINUATION, &[b' '; 600])].concat();
    let cases = [
        ("a frame that is too large", frame(FINAL | TEXT, &[b' '; 1_001]), 1009),
        ("one that is much too large", frame(FINAL | BINARY, &vec![b' '; 3_000_000]), 1009),
        ("a message that is too large", many_small, 1009),
        ("text that is not UTF-8", frame(FINAL | TEXT, b"{\"type\": \"\xff\"}"), 1007),
        ("a surrogate", frame(FINAL | TEXT, b"\xed\xa0\x80"), 1007),
        ("parts that are not UTF-8", two_parts(b"\xf0\x9f", b"\x98"), 1007),
        ("a close reason that is not UTF-8", frame(FINAL | CLOSE, b"\x03\xe8\xff"), 1007),
        ("no mask", unmasked, 1002),
        ("an empty frame without a mask", vec![FINAL | PING, 0], 1002),
        ("the first reserved bit", frame(FINAL | 0x40 | TEXT, ping.as_bytes()), 1002),
        ("the second", frame(FINAL | 0x20 | PING, b""), 1002),
        ("the third", frame(FINAL | 0x10 | BINARY, b""), 1002),
        ("a reserved data opcode", frame(FINAL | 3, b""), 1002),
        ("a reserved control opcode", frame(FINAL | 15, b"x"), 1002),
        ("a continuation of nothing", frame(FINAL | CONTINUATION, b"x"), 1002),
        ("a message in a message", [frame(TEXT, b"{"), frame(FINAL | TEXT, b"}")].concat(), 1002),
        ("a large ping", frame(FINAL | PING, &[0; 126]), 1002),
        ("a fragmented ping", frame(PING, b"x"), 1002),
        ("half a close code", frame(FINAL | CLOSE, b"\x03"), 1002),
        ("a close code that must not be sent", frame(FINAL | CLOSE, b"\x03\xed"), 1002),
    ];
    join_all(cases.map(async |(what, bytes, code)| {
        // What follows the broken frame must not keep the close frame from arriving.
        let bytes = [&bytes[..], &[b'x'; 20_000]].concat();
        let (found, reason) = close_after(&app, MODERN_PROTOCOL, &bytes).await;
        assert_eq!(found, code, "{what}: {reason}");
        assert!(!reason.is_empty(), "{what}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_for_closing_a_socket_is_in_plain_words() {
    let app = App::start(Engine::Sqlite).await;
    let start = |payload: Value| json!({ "type": "subscribe", "id": "1", "payload": payload });
    let messages = [
        json!({ "type": "x" }).to_string(),
        json!({ "type": 7 }).to_string(),
        json!({}).to_string(),
        json!([1]).to_string(),
        json!("x").to_string(),
        "".to_owned(),
        "{".to_owned(),
        json!({ "type": "subscribe" }).to_string(),
        json!({ "type": "subscribe", "id": 7 }).to_string(),
        json!({ "type": "subscribe", "id": "1" }).to_string(),
        json!({ "type": "complete" }).to_string(),
        start(json!(7)).to_string(),
        start(Value::Null).to_string(),
        start(json!({ "query": 7 })).to_string(),
        start(json!({ "query": "{ __typename }", "variables": 7 })).to_string(),
        start(json!({ "query": "{ __typename }", "extensions": [] })).to_string(),
    ];
    for protocol in [MODERN_PROTOCOL, LEGACY_PROTOCOL] {
        join_all(messages.iter().map(async |message| {
            let bytes = frame(FINAL | TEXT, message.as_bytes());
            let (code, reason) = close_after(&app, protocol, &bytes).await;
            assert_eq!(code, 4400, "{message}: {reason}");
            for jargon in ["enum", "struct", "Message", "Request", "line ", "column", "variant"] {
                assert!(!reason.contains(jargon), "{message}: {reason}");
            }
        }))
        .await;
    }
}
