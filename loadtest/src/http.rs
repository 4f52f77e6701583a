//! An HTTP/1.1 client for one or more servers, which keeps its connections open.

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

const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Sends requests to servers on this machine in turn.
pub(crate) struct Http {
    servers: Vec<Server>,
    next: AtomicUsize,
}

pub(crate) struct Server {
    /// Such as `127.0.0.1:8080`.
    authority: String,
    idle: Mutex<Vec<Connection>>,
}

/// An open connection. The task that sends a request also drives the connection: a task of its own
/// would cost two more task switches per request.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// `None` after the connection has ended. A request on it then fails at once.
    driver: Option<Pin<Box<Driver>>>,
}

type Driver = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

impl Http {
    pub(crate) fn new(urls: &[Uri]) -> Result<Self> {
        ensure!(!urls.is_empty(), "name at least one server with --url");
        let servers = urls.iter().map(Server::new).collect::<Result<_>>()?;
        Ok(Self { servers, next: AtomicUsize::default() })
    }

    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Posts JSON to the next server, with the bearer token if there is one.
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
    /// `url` is for example `http://127.0.0.1:8080`.
    fn new(url: &Uri) -> Result<Self> {
        ensure!(url.scheme_str() == Some("http"), "{url} does not start with http://");
        let host = url.host().unwrap_or_default();
        if !matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
            bail!("{url} is not on this machine, and the load test sends load nowhere else");
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
    /// Whether the connection can still be used: the server may have closed it.
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
        // The connection ended first, which completes the pending answer with an error.
        self.driver = None;
        answering.await
    }
}
