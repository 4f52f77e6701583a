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

/// Relays connections between clients and a server. It relays nothing while it is closed.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    target: Arc<Mutex<String>>,
    is_open: watch::Sender<bool>,
    cuts: watch::Sender<u32>,
    fault: Arc<Mutex<NetworkFault>>,
}

/// The fault of a connection on which the client sends certain bytes. Unless its name has `Each`, it
/// happens once and then leaves `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkFault {
    None,
    /// The server gets the bytes, and the connection is cut before its answer arrives.
    CutOnce(&'static [u8]),
    /// Like `CutOnce`, for every connection.
    CutEach(&'static [u8]),
    /// The server gets the bytes, and for every such connection the client gets this text instead of
    /// the server's answer.
    AnswerEach(&'static [u8], &'static str),
    /// The connection is cut, and the server gets the bytes only after the delay.
    CutAndDeliverLate(&'static [u8], Duration),
    /// The bytes get lost, and the connection stays open without another answer.
    Silence(&'static [u8]),
    /// The same for every connection, whatever the bytes are.
    SilenceEach,
}

impl Proxy {
    /// Starts an open proxy in front of the server at this host and port.
    pub(crate) async fn to(target: &str) -> Self {
        let target = Arc::new(Mutex::new(target.to_owned()));
        let shared_target = Arc::clone(&target);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_open = watch::Sender::new(true);
        let open_state = is_open.subscribe();
        let cuts = watch::Sender::new(0);
        let cuts_so_far = cuts.subscribe();
        let fault = Arc::new(Mutex::new(NetworkFault::None));
        let shared_fault = Arc::clone(&fault);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *open_state.borrow() {
                    let fault = Arc::clone(&shared_fault);
                    let target = shared_target.lock().unwrap().clone();
                    let mut cuts = cuts_so_far.clone();
                    cuts.mark_unchanged();
                    let relaying = relay(client, target, open_state.clone(), fault);
                    tokio::spawn(async move {
                        tokio::select! {
                            () = relaying => {}
                            _ = cuts.changed() => {}
                        }
                    });
                }
            }
        });
        Self { port, target, is_open, cuts, fault }
    }

    /// The URL at which an HTTP server is reached through the proxy.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Relays new connections to another server. Those that are open stay where they are.
    pub(crate) fn set_target(&self, target: &str) {
        *self.target.lock().unwrap() = target.to_owned();
    }

    /// Opens or closes the proxy. Closing it ends all connections.
    pub(crate) fn set_open(&self, is_open: bool) {
        self.is_open.send_replace(is_open);
    }

    /// Ends all connections. There can be new ones at once.
    pub(crate) fn cut_connections(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn set_fault(&self, fault: NetworkFault) {
        *self.fault.lock().unwrap() = fault;
    }

    pub(crate) fn fault(&self) -> NetworkFault {
        *self.fault.lock().unwrap()
    }
}

async fn relay(
    mut client: TcpStream,
    target: String,
    mut is_open: watch::Receiver<bool>,
    fault: Arc<Mutex<NetworkFault>>,
) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let (mut request, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            () = wait_until_closed(&mut is_open) => return,
            read = client.read(&mut request) => {
                let Ok(count @ 1..) = read else { return };
                let fault = take_fault(&fault, &request[..count]);
                match fault {
                    NetworkFault::Silence(_) | NetworkFault::SilenceEach => {
                        return wait_until_closed(&mut is_open).await;
                    }
                    NetworkFault::CutAndDeliverLate(_, delay) => {
                        let _ = client.shutdown().await;
                        sleep(delay).await;
                    }
                    _ => {}
                }
                if server.write_all(&request[..count]).await.is_err() {
                    return;
                }
                if fault != NetworkFault::None {
                    // The server's answer shows that the bytes arrived. The client never gets it.
                    let _ = server.read(&mut answer).await;
                    if let NetworkFault::AnswerEach(_, text) = fault {
                        let _ = client.write_all(text.as_bytes()).await;
                    }
                    return;
                }
            }
            read = server.read(&mut answer) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&answer[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn wait_until_closed(is_open: &mut watch::Receiver<bool>) {
    let _ = is_open.wait_for(|is_open| !is_open).await;
}

/// The fault that these bytes trigger. A fault that happens only once is cleared.
fn take_fault(fault: &Mutex<NetworkFault>, sent: &[u8]) -> NetworkFault {
    let mut fault = fault.lock().unwrap();
    let bytes = match *fault {
        NetworkFault::None | NetworkFault::SilenceEach => return *fault,
        NetworkFault::CutOnce(bytes)
        | NetworkFault::CutEach(bytes)
        | NetworkFault::AnswerEach(bytes, _)
        | NetworkFault::CutAndDeliverLate(bytes, _)
        | NetworkFault::Silence(bytes) => bytes,
    };
    if !sent.windows(bytes.len()).any(|window| window == bytes) {
        return NetworkFault::None;
    }
    match *fault {
        NetworkFault::CutEach(_) | NetworkFault::AnswerEach(..) => *fault,
        _ => std::mem::replace(&mut *fault, NetworkFault::None),
    }
}
