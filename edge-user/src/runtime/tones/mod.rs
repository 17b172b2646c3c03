//! Ringing tones: RTP of our own for callers who would hear nothing (`tones` of a trunk).
//!
//! One thread plays all of them. Shards tell it which; a wheel of 20 ms says when, and the packets of a slot leave with one system
//! call an address. Nobody waits for it but a shard that ends a tone, for as long as it takes to take an order.
//!
//! Invariants: at most [`TONES_MAX`] tones play; none plays longer than [`LIFE_MAX`], whatever is lost on the way; an order to stop is
//! never lost.

mod samples;
mod socket;
mod wheel;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use edge_core::call::CallKey;
use edge_core::media::{Dscp, Law, Tone};
use edge_core::policy::{Policy, Tones as Wanted};

use super::clock;
use samples::Samples;
use socket::{UDP_BYTES, destination, write_udp};
use wheel::{SLOTS, Wheel};

/// Tones at once: 200,000 packets a second, which one thread sends with room to spare. Calls that ring are fewer than that
/// wherever they do not hang.
const TONES_MAX: usize = 4_096;

/// Orders that may wait: each tone begun and ended, several times over.
const ORDERS_MAX: usize = 16_384;

/// How long a tone may play: no call rings for longer (`answer_max`).
const LIFE_MAX: Duration = Duration::from_secs(3_600);

/// A packet of each tone leaves so often.
const PACKET: Duration = Duration::from_millis(20);
/// And has so many octets, and ticks of its clock.
const PACKET_OCTETS: usize = 160;
const SLOT: Duration = Duration::from_millis(PACKET.as_millis() as u64 / SLOTS as u64);

/// After a pause of this host's no more is caught up: what is late by more than a jitter buffer is of no use.
const LATE_MAX: Duration = Duration::from_millis(100);

/// Bytes of an RTP header (RFC 3550 section 5.1).
const RTP_BYTES: usize = 12;
const VERSION: u8 = 2 << 6;
const MARKER: u8 = 0x80;

/// A call, and the shard that has it.
type Key = (usize, CallKey);

/// What a shard wants.
#[derive(Debug)]
enum Order {
    Play { key: Key, tone: Tone },
    Stop { key: Key },
}

/// What has been played, for whoever looks.
#[derive(Debug, Default)]
pub(super) struct TonesPlayed {
    /// Tones that play now.
    playing: AtomicU64,
    /// Packets that were sent.
    packets: AtomicU64,
    /// Tones that were not played, because there are too many or nothing can be sent from their address.
    refused: AtomicU64,
}

impl TonesPlayed {
    /// By their names in the counters.
    pub(super) fn named(&self) -> [(&'static str, u64); 3] {
        let Self { playing, packets, refused } = self;
        [("tones_playing", playing), ("tone_packets", packets), ("tones_refused", refused)]
            .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

/// A shard's way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Tones {
    shard: usize,
    orders: Sender<Order>,
    played: Arc<TonesPlayed>,
}

impl Tones {
    /// That of another shard.
    pub(super) fn of_shard(&self, shard: usize) -> Self {
        Self { shard, ..self.clone() }
    }

    /// Begins a tone, in the place of the call's former one.
    pub(super) fn play(&self, call: CallKey, tone: Tone) {
        match self.orders.try_send(Order::Play { key: (self.shard, call), tone }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.played.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Ends it. A lost order would be heard, so this one waits.
    pub(super) fn stop(&self, call: CallKey) {
        // Nobody plays when the thread has gone.
        drop(self.orders.send(Order::Stop { key: (self.shard, call) }));
    }
}

/// What is to become the thread.
#[derive(Debug)]
pub(super) struct Waiting {
    orders: Receiver<Order>,
    pub(super) played: Arc<TonesPlayed>,
}

/// The way to a thread that has not begun.
pub(super) fn queue() -> (Tones, Waiting) {
    let (sender, orders) = bounded(ORDERS_MAX);
    let played = Arc::<TonesPlayed>::default();
    (Tones { shard: 0, orders: sender, played: Arc::clone(&played) }, Waiting { orders, played })
}

/// Starts the thread; it ends with the last shard. The tones that `policy` wants are made before.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn start(waiting: Waiting, policy: &Policy) -> io::Result<JoinHandle<()>> {
    let mut samples = Samples::default();
    for trunk in policy.trunks.iter().filter(|trunk| trunk.media.tones != Wanted::None) {
        for law in [Law::A, Law::Mu] {
            samples.of(trunk.media.tone_country, law);
        }
    }
    let devices = policy.realms.iter().map(|realm| realm.device.clone()).collect();
    let Waiting { orders, played } = waiting;
    let (wheel, senders) = (Wheel::new(), HashMap::new());
    let player = Player { orders, played, devices, samples, wheel, senders, next_at: None };
    std::thread::Builder::new().name("tones".to_owned()).spawn(move || player.run())
}

/// The thread.
struct Player {
    orders: Receiver<Order>,
    played: Arc<TonesPlayed>,
    /// Devices of the realms.
    devices: Vec<String>,
    samples: Samples,
    wheel: Wheel<Key, Playing>,
    /// Sockets by address and marking; as many as realms have media addresses, by the few markings in use.
    senders: HashMap<(IpAddr, Option<Dscp>), Outbox>,
    /// When the wheel turns next, while there is anything in it.
    next_at: Option<Instant>,
}

/// A socket, and what leaves through it next.
struct Outbox {
    sender: socket::Sender,
    packets: Vec<(SocketAddr, Bytes)>,
}

/// A tone that plays.
#[derive(Debug)]
struct Playing {
    tone: Tone,
    samples: Arc<[u8]>,
    /// Octets of the period that have been played.
    at: usize,
    first: bool,
    over_at: Instant,
}

impl Player {
    fn run(mut self) {
        loop {
            let order = match self.next_at {
                Some(at) => self.orders.recv_deadline(at),
                None => self.orders.recv().map_err(|_all_gone| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.turn_when_due();
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Play { key, tone } => self.begin(key, tone),
            Order::Stop { key } => self.wheel.remove(&key),
        }
        self.rest_when_empty();
    }

    fn begin(&mut self, key: Key, tone: Tone) {
        if self.wheel.len() >= TONES_MAX || !self.has_sender(&tone) {
            self.played.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let now = clock::now();
        let samples = self.samples.of(tone.country, tone.law);
        self.wheel.insert(key, Playing { tone, samples, at: 0, first: true, over_at: now + LIFE_MAX });
        self.next_at.get_or_insert(now + SLOT);
    }

    /// Whether there is a socket for a tone, or one can be opened.
    fn has_sender(&mut self, tone: &Tone) -> bool {
        let (address, device) = (tone.local.ip(), self.devices.get(tone.realm.index()));
        let (key, Some(device)) = ((address, tone.dscp), device) else { return false };
        if self.senders.contains_key(&key) {
            return true;
        }
        match socket::Sender::open(address, device, tone.dscp) {
            Ok(sender) => {
                self.senders.insert(key, Outbox { sender, packets: Vec::new() });
                true
            }
            Err(error) => {
                tracing::warn!(%address, device, "no tone can be played from here: {error}");
                false
            }
        }
    }

    /// Sends what is due. An instant that was missed is caught up, unless that is long ago.
    fn turn_when_due(&mut self) {
        let now = clock::now();
        while let Some(at) = self.next_at.filter(|at| *at <= now) {
            self.turn(now);
            let late = now.saturating_duration_since(at) > LATE_MAX;
            self.next_at = Some(if late { now } else { at } + SLOT);
            self.rest_when_empty();
        }
    }

    fn turn(&mut self, now: Instant) {
        let (senders, mut over) = (&mut self.senders, false);
        for playing in self.wheel.turn() {
            if playing.over_at <= now {
                over = true;
                continue;
            }
            let Some(outbox) = senders.get_mut(&(playing.tone.local.ip(), playing.tone.dscp)) else {
                continue;
            };
            outbox.packets.push((destination(playing.tone.remote), playing.packet()));
        }
        let mut sent = 0;
        for Outbox { sender, packets } in
            self.senders.values_mut().filter(|outbox| !outbox.packets.is_empty())
        {
            sent += packets.len() - sender.send(packets);
            packets.clear();
        }
        self.played.packets.fetch_add(sent as u64, Ordering::Relaxed);
        if over {
            self.wheel.retain(|playing| playing.over_at > now);
        }
    }

    fn rest_when_empty(&mut self) {
        self.played.playing.store(self.wheel.len() as u64, Ordering::Relaxed);
        if self.wheel.len() == 0 {
            self.next_at = None;
        }
    }
}

impl Playing {
    /// Its next packet, with the UDP header.
    fn packet(&mut self) -> Bytes {
        let Tone { local, remote, payload_type, ssrc, ref mut sequence, ref mut timestamp, .. } = self.tone;
        let mut packet = vec![0; UDP_BYTES + RTP_BYTES];
        let marker = if std::mem::take(&mut self.first) { MARKER } else { 0 };
        packet[UDP_BYTES] = VERSION;
        packet[UDP_BYTES + 1] = marker | payload_type;
        packet[UDP_BYTES + 2..UDP_BYTES + 4].copy_from_slice(&sequence.to_be_bytes());
        packet[UDP_BYTES + 4..UDP_BYTES + 8].copy_from_slice(&timestamp.to_be_bytes());
        packet[UDP_BYTES + 8..UDP_BYTES + RTP_BYTES].copy_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(&self.samples[self.at..self.at + PACKET_OCTETS]);
        self.at = (self.at + PACKET_OCTETS) % self.samples.len();
        (*sequence, *timestamp) = (sequence.wrapping_add(1), timestamp.wrapping_add(PACKET_OCTETS as u32));
        write_udp(&mut packet, local, remote);
        packet.into()
    }
}

#[cfg(test)]
mod tests;
