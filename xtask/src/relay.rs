//! An address that leads to one server, and later to another, as after a failover, or falls silent, as
//! when a network is cut.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;

/// How often a silent relay looks whether it still is.
const SILENCE_POLL: Duration = Duration::from_millis(10);

/// Relays connections to a port of this machine.
pub(crate) struct Relay {
    pub(crate) port: u16,
    target: Arc<AtomicU16>,
    is_silent: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn to(target: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let target = Arc::new(AtomicU16::new(target));
        let shared_target = Arc::clone(&target);
        let is_silent = Arc::<AtomicBool>::default();
        let shared_silence = Arc::clone(&is_silent);
        // It ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // If nobody listens there, the client's connection is closed.
                let server =
                    TcpStream::connect(("127.0.0.1", shared_target.load(Ordering::Relaxed)));
                if let Ok(server) = server {
                    let _ = relay(client, server, &shared_silence);
                }
            }
        });
        Ok(Self { port, target, is_silent })
    }

    /// Holds back everything from now on, or lets it go on. Nobody is told: that is how a cut network
    /// looks to those on both sides.
    pub(crate) fn set_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }

    /// Relays new connections to another port. Those that are open stay where they are.
    pub(crate) fn set_target(&self, target: u16) {
        self.target.store(target, Ordering::Relaxed);
    }
}

/// Copies in both directions, until either side closes its connection.
fn relay(client: TcpStream, server: TcpStream, is_silent: &Arc<AtomicBool>) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let directions = [(client.try_clone()?, server.try_clone()?), (server, client)];
    for (mut from, mut to) in directions {
        let is_silent = Arc::clone(is_silent);
        thread::spawn(move || {
            let _ = copy(&mut from, &mut to, &is_silent);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

fn copy(from: &mut TcpStream, to: &mut TcpStream, is_silent: &AtomicBool) -> io::Result<()> {
    let mut bytes = [0; 65_536];
    loop {
        let count = from.read(&mut bytes)?;
        while is_silent.load(Ordering::Relaxed) {
            thread::sleep(SILENCE_POLL);
        }
        if count == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..count])?;
    }
}
