//! A network that a test can break.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

/// Stands between a client and a server, and lets nothing through while it is closed.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    open: watch::Sender<bool>,
    cut: Arc<Mutex<Cut>>,
}

/// Whether a connection is cut that sends these bytes: after they were sent on, and before their answer
/// is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// The next one.
    Once(&'static [u8]),
    Each(&'static [u8]),
    /// The next one, which the server gets only after this long.
    Late(&'static [u8], Duration),
    /// None; but the next one is never answered again.
    Silence(&'static [u8]),
}

impl Proxy {
    /// To a server's host and port; open.
    pub(crate) async fn to(target: &str) -> Self {
        let target = target.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = watch::Sender::new(true);
        let is_open = open.subscribe();
        let cut = Arc::new(Mutex::new(Cut::Never));
        let cuts = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *is_open.borrow() {
                    tokio::spawn(pass(client, target.clone(), is_open.clone(), Arc::clone(&cuts)));
                }
            }
        });
        Self { port, open, cut }
    }

    /// The URL of an HTTP server as it is reached through the proxy.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Closing it ends the connections too.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    pub(crate) fn set_cut(&self, cut: Cut) {
        *self.cut.lock().unwrap() = cut;
    }

    pub(crate) fn cut(&self) -> Cut {
        *self.cut.lock().unwrap()
    }
}

async fn pass(
    mut client: TcpStream,
    target: String,
    mut open: watch::Receiver<bool>,
    cut: Arc<Mutex<Cut>>,
) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            () = closed(&mut open) => return,
            read = client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                let cut = cuts(&cut, &asked[..count]);
                if cut == Some(Duration::MAX) {
                    return closed(&mut open).await;
                }
                if let Some(late) = cut.filter(|late| !late.is_zero()) {
                    let _ = client.shutdown().await;
                    sleep(late).await;
                }
                if server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
                if cut.is_some() {
                    // The server has it, which shows in its answer; the client never gets that.
                    let _ = server.read(&mut answered).await;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn closed(open: &mut watch::Receiver<bool>) {
    let _ = open.wait_for(|open| !open).await;
}

/// How much later the server gets what was sent, where the connection is cut by it.
fn cuts(cut: &Mutex<Cut>, sent: &[u8]) -> Option<Duration> {
    let mut cut = cut.lock().unwrap();
    let has = |text: &[u8]| sent.windows(text.len()).any(|window| window == text);
    let (found, late) = match *cut {
        Cut::Never => (false, Duration::ZERO),
        Cut::Each(text) | Cut::Once(text) => (has(text), Duration::ZERO),
        Cut::Late(text, late) => (has(text), late),
        Cut::Silence(text) => (has(text), Duration::MAX),
    };
    if found && !matches!(*cut, Cut::Each(_)) {
        *cut = Cut::Never;
    }
    found.then_some(late)
}
