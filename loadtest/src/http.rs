//! HTTP/1.1 to one or more servers, over connections that are kept.

use std::{
    pin::{Pin, pin},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{net::TcpStream, time::timeout};

/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Servers on this machine, which take turns.
pub(crate) struct Http {
    servers: Vec<Server>,
    next: AtomicUsize,
}

pub(crate) struct Server {
    /// As in `127.0.0.1:8080`.
    authority: String,
    idle: Mutex<Vec<Connection>>,
}

/// One that is not in use. Whoever uses it also does its work: a task of its own would cost each
/// request two more changes of task.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// None when it is over. What is asked then fails at once, as nobody is there to take it.
    driver: Option<Pin<Box<Driver>>>,
}

type Driver = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

impl Http {
    pub(crate) fn new(urls: &[Uri]) -> Result<Self> {
        ensure!(!urls.is_empty(), "no server is named");
        let servers = urls.iter().map(Server::new).collect::<Result<_>>()?;
        Ok(Self { servers, next: AtomicUsize::default() })
    }

    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Posts JSON to the server whose turn it is, with a bearer token where there is one.
    pub(crate) async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes)> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.servers[turn % self.servers.len()].post(path, token, body).await
    }
}

impl Server {
    /// `url` is as in `http://127.0.0.1:8080`.
    fn new(url: &Uri) -> Result<Self> {
        ensure!(url.scheme_str() == Some("http"), "the URL begins with http://");
        let host = url.host().unwrap_or_default();
        if !matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
            bail!("load goes to this machine only, and {url} is another");
        }
        let authority = format!("{host}:{}", url.port_u16().unwrap_or(80));
        Ok(Self { authority, idle: Mutex::default() })
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) async fn get(&self, path: &str) -> Result<(StatusCode, Bytes)> {
        self.send(Request::get(path).header(header::HOST, &self.authority).body(Full::default())?)
            .await
    }

    async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.send(request.body(Full::from(body))?).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        let mut connection = self.connection().await?;
        let answer = timeout(ANSWER_TIMEOUT, connection.send(request))
            .await
            .with_context(|| format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))??;
        self.idle.lock().push(connection);
        Ok(answer)
    }

    async fn connection(&self) -> Result<Connection> {
        loop {
            let idle = self.idle.lock().pop();
            let Some(mut connection) = idle else { break };
            if connection.is_open().await {
                return Ok(connection);
            }
        }
        let stream = TcpStream::connect(&self.authority)
            .await
            .with_context(|| format!("connecting to {}", self.authority))?;
        stream.set_nodelay(true)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Connection { sender, driver: Some(Box::pin(driver)) })
    }
}

impl Connection {
    /// Whether the server did not close it meanwhile.
    async fn is_open(&mut self) -> bool {
        let Some(driver) = &mut self.driver else { return false };
        tokio::select! {
            biased;
            _ = driver => false,
            ready = self.sender.ready() => ready.is_ok(),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
        let answering = async {
            let answer = self.sender.send_request(request).await?;
            let status = answer.status();
            anyhow::Ok((status, answer.into_body().collect().await?.to_bytes()))
        };
        let mut answering = pin!(answering);
        if let Some(driver) = &mut self.driver {
            tokio::select! {
                biased;
                _ = driver => {}
                answer = &mut answering => return answer,
            }
        }
        // Whoever waits for the answer is told what became of the connection.
        self.driver = None;
        answering.await
    }
}
