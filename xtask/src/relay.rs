//! An address that leads to one server, and later to another, as after a failover.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use anyhow::Result;

/// Relays connections to a port of this machine.
pub(crate) struct Relay {
    pub(crate) port: u16,
    target: Arc<AtomicU16>,
}

impl Relay {
    pub(crate) fn to(target: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let target = Arc::new(AtomicU16::new(target));
        let shared_target = Arc::clone(&target);
        // It ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // If nobody listens there, the client's connection is closed.
                let server =
                    TcpStream::connect(("127.0.0.1", shared_target.load(Ordering::Relaxed)));
                if let Ok(server) = server {
                    let _ = relay(client, server);
                }
            }
        });
        Ok(Self { port, target })
    }

    /// Relays new connections to another port. Those that are open stay where they are.
    pub(crate) fn set_target(&self, target: u16) {
        self.target.store(target, Ordering::Relaxed);
    }
}

/// Copies in both directions, until either side closes its connection.
fn relay(client: TcpStream, server: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let directions = [(client.try_clone()?, server.try_clone()?), (server, client)];
    for (mut from, mut to) in directions {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}
