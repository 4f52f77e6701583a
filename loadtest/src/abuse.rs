//! `abuse`: one client makes a server hold or compute as much as it can.
//!
//! It speaks raw HTTP and WebSocket, because no client library does these things. It connects from
//! another loopback address than the other scenarios.

use std::{fs, net::SocketAddr, path::PathBuf, pin::pin, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use crate::machine::{ensure_sockets_allowed, process_memory_kib};

/// Everything comes from this address.
const ABUSER: &str = "127.0.1.1:0";
/// The largest message that a server takes by default, and a little less.
const LARGE: usize = 60_000;
/// How long nothing more happens before the growth counts.
const SETTLE_TIME: Duration = Duration::from_secs(1);
/// Longest time for one write. A server that does not read any more has had enough.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_CONNECTIONS: u32 = 2_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Kinds of abuse [default: all but `texts`]
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// The server's address on this machine
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: hyper::Uri,
    /// The server's process, whose memory is measured
    #[arg(long)]
    server_pid: u32,
    /// Fail if the server grows by more, in MiB
    #[arg(long, default_value_t = 40.0)]
    max_growth: f64,
    /// For how long `texts` lasts
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Number of texts a second
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Write the growth of each kind as JSON, in MiB
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// 300 subscriptions on three sockets, each with 43 kB of variables that nobody declares
    Variables,
    /// 600 subscriptions on six sockets, each with 900 or 1,400 aliases
    Aliases,
    /// 300 of those with 900, as streams over HTTP
    Streams,
    /// 280 MB of pings on one socket whose pongs nobody reads
    Pings,
    /// 500 unfinished heads of requests, up to 400 kB each
    Heads,
    /// 2,000 bodies that stop before their end
    Bodies,
    /// 1,000 sockets, each with an unfinished message
    Messages,
    /// 500 large answers that nobody reads
    Answers,
    /// 900 requests for a file, each on a connection of its own
    Files,
    /// Queries that are costly to parse and to validate, or that are refused for their size
    Texts,
}

/// The traffic of an abuser. Its connections are open until this is dropped.
#[derive(Default)]
struct Abuse {
    connections: Vec<TcpStream>,
    sent_bytes: usize,
}

pub(crate) async fn abuse(args: Args) -> Result<bool> {
    ensure_sockets_allowed(MAX_CONNECTIONS)?;
    let all = || Kind::value_variants().iter().copied().filter(|kind| *kind != Kind::Texts);
    let kinds = if args.kinds.is_empty() { all().collect() } else { args.kinds.clone() };
    let server = args.url.authority().context("the URL has no address")?;
    let server = server.as_str().parse().context("the URL has no numeric address")?;
    let (mut passed, mut found) = (true, serde_json::Map::new());
    for kind in kinds {
        let (abuse, growth) = with_growth(args.server_pid, kind.run(server, &args)).await?;
        let is_fine = growth < args.max_growth;
        passed &= is_fine;
        let name = kind.to_possible_value();
        let name = name.as_ref().map_or("", |value| value.get_name());
        found.insert(name.to_owned(), json!(growth));
        println!(
            "  {:<10} {:>6.1} MB sent on {:>5} connections: the server grew by {growth:>6.1} of \
             {:.0} MiB  {}",
            name,
            abuse.sent_bytes as f64 / 1e6,
            abuse.connections.len(),
            args.max_growth,
            if is_fine { "ok" } else { "WRONG" },
        );
    }
    if let Some(file) = &args.json {
        fs::write(file, serde_json::Value::from(found).to_string())
            .with_context(|| format!("writing {}", file.display()))?;
    }
    println!("{}", if passed { "PASS" } else { "FAIL" });
    Ok(passed)
}

/// Runs `abuse`, and returns by how many MiB the server's memory grew at most.
async fn with_growth(
    server_pid: u32,
    abuse: impl Future<Output = Result<Abuse>>,
) -> Result<(Abuse, f64)> {
    let before = process_memory_kib(server_pid)?;
    let settled = async {
        let abuse = abuse.await;
        sleep(SETTLE_TIME).await;
        abuse
    };
    let mut settled = pin!(settled);
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut most = before;
    let abuse = loop {
        tokio::select! {
            abuse = &mut settled => break abuse?,
            _ = ticks.tick() => most = most.max(process_memory_kib(server_pid)?),
        }
    };
    Ok((abuse, (most.max(process_memory_kib(server_pid)?) - before) / 1_024.0))
}

impl Kind {
    async fn run(self, server: SocketAddr, args: &Args) -> Result<Abuse> {
        let mut abuse = Abuse::default();
        match self {
            Self::Variables => abuse.subscribe(server, &with_variables()).await?,
            Self::Aliases => {
                abuse.subscribe(server, &with_aliases(900)).await?;
                // By default, these have too many words and signs.
                abuse.subscribe(server, &with_aliases(1_400)).await?;
            }
            Self::Streams => {
                let body = with_aliases(900).to_string();
                for number in 0..300 {
                    let accept = match number % 2 {
                        0 => "accept: text/event-stream\r\n",
                        _ => "accept: multipart/mixed\r\n",
                    };
                    abuse.send(server, &post(accept, body.len(), &body)).await?;
                }
            }
            Self::Pings => {
                let mut socket = abuse.open_socket(server).await?;
                let pings = frame(PING, &[b'x'; 125]).repeat(500);
                for _ in 0..280_000_000 / pings.len() {
                    if !abuse.write(&mut socket, &pings).await {
                        break;
                    }
                }
                abuse.connections.push(socket);
            }
            Self::Heads => {
                let head = format!("GET /graphql HTTP/1.1\r\nx: {}", "x".repeat(400_000));
                for _ in 0..500 {
                    abuse.send(server, &head).await?;
                }
            }
            Self::Bodies => {
                let body = format!("{{\"query\": \"{}", "x".repeat(LARGE));
                for _ in 0..2_000 {
                    abuse.send(server, &post("", body.len() + 100, &body)).await?;
                }
            }
            Self::Messages => {
                for _ in 0..1_000 {
                    // The server refuses the last ones.
                    let Ok(mut socket) = abuse.open_socket(server).await else { break };
                    let whole = frame(TEXT, &[b'x'; LARGE]);
                    abuse.write(&mut socket, &whole[..whole.len() - 100]).await;
                    abuse.connections.push(socket);
                }
            }
            Self::Answers => {
                let aliases: String = (0..35).map(|n| format!("a{n}: description ")).collect();
                let query = format!("{{ events(first: 50) {{ nodes {{ {aliases} }} }} }}");
                for number in 0..500 {
                    // Equal queries would share an answer.
                    let body = json!({ "query": query, "number": number }).to_string();
                    abuse.send(server, &post("", body.len(), &body)).await?;
                }
            }
            Self::Files => {
                for _ in 0..900 {
                    abuse
                        .send(server, "GET / HTTP/1.1\r\nhost: a\r\naccept: text/html\r\n\r\n")
                        .await?;
                }
            }
            Self::Texts => abuse.send_texts(server, args).await?,
        }
        Ok(abuse)
    }
}

/// A subscription whose variables are declared nowhere.
fn with_variables() -> serde_json::Value {
    let zeros = vec![0; 21_500];
    json!({
        "query": "subscription { remainingTickets { version } }",
        "variables": { "x": zeros },
    })
}

fn with_aliases(count: u32) -> serde_json::Value {
    let aliases: String = (0..count).map(|number| format!("a{number}: version ")).collect();
    json!({ "query": format!("subscription {{ remainingTickets {{ {aliases} }} }}") })
}

/// A request with a body of which only the start may be there.
fn post(headers: &str, length: usize, start: &str) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         {headers}content-length: {length}\r\n\r\n{start}"
    )
}

const TEXT: u8 = 0x81;
const PING: u8 = 0x89;

/// A frame of a WebSocket's client. Its mask is zero, so that the payload stays as it is.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut frame = vec![kind];
    match u16::try_from(length) {
        Ok(length) if length < 126 => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

async fn connect(server: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(ABUSER.parse()?)?;
    socket.connect(server).await.context("connecting to the server")
}

impl Abuse {
    /// Writes as much as the server takes. Returns whether it took everything.
    async fn write(&mut self, stream: &mut TcpStream, bytes: &[u8]) -> bool {
        let written = timeout(WRITE_TIMEOUT, stream.write_all(bytes)).await;
        let took_everything = matches!(written, Ok(Ok(())));
        self.sent_bytes += if took_everything { bytes.len() } else { 0 };
        took_everything
    }

    /// Opens a connection, sends `text`, and reads nothing.
    async fn send(&mut self, server: SocketAddr, text: &str) -> Result<()> {
        let mut stream = connect(server).await?;
        self.write(&mut stream, text.as_bytes()).await;
        self.connections.push(stream);
        Ok(())
    }

    /// Opens a WebSocket without `connection_init`.
    async fn open_socket(&mut self, server: SocketAddr) -> Result<TcpStream> {
        let mut stream = connect(server).await?;
        let upgrade = "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
            upgrade: websocket\r\nsec-websocket-version: 13\r\n\
            sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            sec-websocket-protocol: graphql-transport-ws\r\n\r\n";
        self.write(&mut stream, upgrade.as_bytes()).await;
        let mut answer = [0; 1_024];
        let length = timeout(WRITE_TIMEOUT, stream.read(&mut answer)).await??;
        ensure!(answer[..length].starts_with(b"HTTP/1.1 101 "), "the server opened no WebSocket");
        Ok(stream)
    }

    /// Starts 100 subscriptions on each of three sockets, and reads nothing.
    async fn subscribe(&mut self, server: SocketAddr, payload: &serde_json::Value) -> Result<()> {
        for _ in 0..3 {
            let mut socket = self.open_socket(server).await?;
            let init = json!({ "type": "connection_init" }).to_string();
            self.write(&mut socket, &frame(TEXT, init.as_bytes())).await;
            for id in 0..100 {
                let message =
                    json!({ "type": "subscribe", "id": id.to_string(), "payload": payload });
                if !self.write(&mut socket, &frame(TEXT, message.to_string().as_bytes())).await {
                    break;
                }
            }
            self.connections.push(socket);
        }
        Ok(())
    }

    /// Sends texts at a fixed rate, each on a connection of its own.
    async fn send_texts(&mut self, server: SocketAddr, args: &Args) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(args.seconds);
        let mut ticks = interval(Duration::from_secs(1) / args.rate);
        let mut number = 0;
        while Instant::now() < until {
            ticks.tick().await;
            number += 1;
            // Each text is another one, so that nobody can remember it.
            let many = |field: &str, count: usize| format!("{field} ").repeat(count);
            let text = match number % 6 {
                // These are parsed, and then valid, invalid or unparsable.
                0 => format!("{{ a{number}: __typename {} }}", many("__typename", 2_900)),
                1 => format!("{{ a{number}: __typename {} }}", many("nothing", 2_900)),
                2 => format!("{{ a{number}: __typename {}", many("__typename", 2_900)),
                // These have too many words, or too many brackets.
                3 => format!("{{ a{number} {}", "a ".repeat(LARGE / 2 - 20)),
                4 => format!("{{ a{number} {} }}", "a ".repeat(LARGE / 2 - 20)),
                _ => format!("{{ a{number}(b: {}1) }}", "[".repeat(90)),
            };
            let body = json!({ "query": text }).to_string();
            self.send(server, &post("connection: close\r\n", body.len(), &body)).await?;
            // The oldest ones were answered long ago.
            if self.connections.len() > 500 {
                self.connections.remove(0);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_length_that_they_name() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let frame = frame(TEXT, &vec![b'x'; length]);
            let named = match frame[1] & 0x7f {
                126 => usize::from(u16::from_be_bytes([frame[2], frame[3]])),
                127 => u64::from_be_bytes(frame[2..10].try_into().unwrap()) as usize,
                short => usize::from(short),
            };
            assert_eq!(named, length);
        }
    }
}
