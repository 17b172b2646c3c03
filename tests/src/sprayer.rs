//! Somebody who sends RTP and RTCP to every media port of edge, from sources of their choice, until told to stop.
//!
//! A spoofed source is an address that the sender's namespace was given: on the wire nobody can tell.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::lab::{Family, Lab, PEER_DEVICE, Side};

/// The SSRC of everything that is sprayed.
pub const SPRAYED_SSRC: u32 = 0x5bad_5bad;

/// Between two packets: the ring of a veth holds 256 frames, and the media of the drill has to fit too, even when the processor
/// that empties it is taken away for a third of a second.
const PAUSE: Duration = Duration::from_micros(1500);
const PAYLOAD_OCTETS: usize = 160;

/// A sprayer at work; stops when dropped.
#[derive(Debug)]
pub struct Sprayer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<u64>>>,
}

impl Sprayer {
    /// Gives `side` an address that it then sends from as if it were its own.
    pub fn spoof(lab: &Lab, side: Side, address: impl Into<IpAddr>) -> Result<()> {
        let address = address.into();
        // Alone in its prefix, whatever the family; without asking who else has it.
        let unasked: &[&str] = if address.is_ipv6() { &["nodad"] } else { &[] };
        let add = ["address", "add", &address.to_string(), "dev", PEER_DEVICE];
        lab.peer(side).ip(&[&add, unasked].concat())
    }

    /// Sends from each of `sources`, all of one family, to each of `ports` of the edge address that faces `side`, again
    /// and again.
    pub fn start(lab: &Lab, side: Side, sources: &[SocketAddr], ports: RangeInclusive<u16>) -> Result<Self> {
        let bind = || sources.iter().map(UdpSocket::bind).collect::<Result<Vec<_>, _>>();
        let sockets = lab.peer(side).run(bind)?.context("a source of the sprayer is not free")?;
        let is_ipv6 = sources.first().is_some_and(SocketAddr::is_ipv6);
        let edge = side.edge(if is_ipv6 { Family::V6 } else { Family::V4 });
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let spray = move || {
            let mut sweeps = 0;
            while !stopped.load(Ordering::Relaxed) {
                sweep(&sockets, edge, &ports, sweeps)?;
                sweeps += 1;
            }
            Ok(sweeps)
        };
        Ok(Self { stop, thread: Some(thread::spawn(spray)) })
    }

    /// Ends it, and tells how often each port was sent to from each source.
    pub fn stop(mut self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("a sprayer stops once")?;
        thread.join().map_err(|_panic| anyhow!("the sprayer panicked"))?
    }
}

impl Drop for Sprayer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn sweep(sockets: &[UdpSocket], edge: IpAddr, ports: &RangeInclusive<u16>, number: u64) -> Result<()> {
    for port in ports.clone() {
        let packet = if port.is_multiple_of(2) { rtp(number) } else { rtcp() };
        for socket in sockets {
            socket.send_to(&packet, (edge, port))?;
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// RFC 3550 section 5.1: PCMA, one number a sweep.
fn rtp(number: u64) -> Vec<u8> {
    let [.., high, low] = number.to_be_bytes();
    let mut packet = vec![0x80, 8, high, low, 0, 0, high, low];
    packet.extend(SPRAYED_SSRC.to_be_bytes());
    packet.resize(packet.len() + PAYLOAD_OCTETS, 0xd5);
    packet
}

/// RFC 3550 section 6.4.2: an empty receiver report.
fn rtcp() -> Vec<u8> {
    [[0x80, 201, 0, 1], SPRAYED_SSRC.to_be_bytes()].concat()
}
