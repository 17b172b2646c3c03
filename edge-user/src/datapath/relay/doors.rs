//! Sockets on the local ports of installed media, so that the kernel's stack does not answer the copy that it gets of each packet:
//! to a port where nobody listens it would say "port unreachable" (ICMP), and some peers would stop sending.
//!
//! Nothing ever comes out of them: their filter drops everything. Two descriptors an endpoint.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::filter;
use super::socket::attach_filter;

/// Descriptors that are not for doors: listeners, connections, logs, records.
const OTHER_FILES: u64 = 4096;

/// The sockets of all installed endpoints, by index.
#[derive(Debug)]
pub(in crate::datapath) struct Doors {
    held: Mutex<HashMap<u32, [UdpSocket; 2]>>,
    /// Endpoints that may have some.
    max: u64,
    said: AtomicBool,
}

impl Doors {
    /// As many doors as a process with so many descriptors can spare.
    pub(in crate::datapath) fn within(files_max: u64) -> Self {
        let max = files_max.saturating_sub(OTHER_FILES.min(files_max / 2)) / 2;
        Self { held: Mutex::default(), max, said: AtomicBool::new(false) }
    }

    /// Holds the RTP port of an endpoint and the next one. Without a door media runs all the same.
    pub(in crate::datapath) fn hold(&self, endpoint: u32, local: SocketAddr) {
        let mut held = self.lock();
        if held.contains_key(&endpoint) {
            return;
        }
        let rtcp = SocketAddr::new(local.ip(), local.port().saturating_add(1));
        let opened = if held.len() as u64 >= self.max {
            Err(io::Error::other("this process may open no more files: raise LimitNOFILE"))
        } else {
            open(local).and_then(|rtp| Ok([rtp, open(rtcp)?]))
        };
        match opened {
            Ok(doors) => drop(held.insert(endpoint, doors)),
            Err(error) => {
                if !self.said.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %local, %error,
                        "a media port cannot be held: the kernel tells its senders by ICMP that nobody is there"
                    );
                }
            }
        }
    }

    /// Lets go of an endpoint.
    pub(in crate::datapath) fn release(&self, endpoint: u32) {
        drop(self.lock().remove(&endpoint));
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, [UdpSocket; 2]>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    attach_filter(&socket, &filter::nothing())?;
    Ok(socket)
}
