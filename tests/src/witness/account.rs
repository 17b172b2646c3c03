//! Matches departures on one side with arrivals on the other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;

use hdrhistogram::Histogram;

use super::{Crossing, Record, RtpSighting, Segment, SipSighting};
use crate::lab::Side;

/// Latencies are kept up to a minute, in nanoseconds.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// What both captures together say.
#[derive(Debug)]
pub struct Account {
    /// One entry a stream that left a peer.
    pub streams: Vec<Stream>,
    /// Nanoseconds from a peer's departure to the other peer's arrival, of every matched packet.
    pub latency_ns: Histogram<u64>,
    /// Arrivals that nobody had sent like this: damaged, or not of this lab.
    pub unmatched: Vec<RtpSighting>,
    /// Arrived packets with a missing or wrong IP or UDP checksum.
    pub wrong_checksums: u64,
    /// Matched packets whose arrival is older than their departure: a broken clock.
    pub backwards: u64,
    /// Everything that crossed each peer's link.
    records: HashMap<Side, Record>,
}

/// One RTP stream, told by side, source address and SSRC of its sender.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The peer that sent it.
    pub from: Side,
    /// The address it left from.
    pub source: SocketAddr,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Packets that left the peer.
    pub sent: u64,
    /// Different packets of these that arrived at the other peer.
    pub received: u64,
    /// Arrivals beyond the first of a packet.
    pub duplicated: u64,
    /// Arrivals with a sequence number behind the highest before.
    pub reordered: u64,
    /// Source and destination of its packets when they arrived; more than one pair is a fault.
    pub paths: HashSet<(SocketAddr, SocketAddr)>,
    /// Kernel time of the first and the last departure, nanoseconds since the epoch.
    pub sent_ns: (u64, u64),
    highest: Option<u16>,
}

impl Stream {
    /// Packets that never arrived.
    pub fn lost(&self) -> u64 {
        self.sent - self.received
    }

    fn new(from: Side, first: &RtpSighting) -> Self {
        Self {
            from,
            source: first.from,
            ssrc: first.ssrc,
            sent: 0,
            received: 0,
            duplicated: 0,
            reordered: 0,
            paths: HashSet::new(),
            sent_ns: (first.at_ns, first.at_ns),
            highest: None,
        }
    }

    fn arrived(&mut self, packet: &RtpSighting) {
        self.received += 1;
        self.paths.insert((packet.from, packet.to));
        // RFC 3550 appendix A.1: a difference in the upper half is a step back.
        let behind = self.highest.is_some_and(|highest| packet.sequence.wrapping_sub(highest) > 0x8000);
        if behind { self.reordered += 1 } else { self.highest = Some(packet.sequence) }
    }
}

/// What a relay that is transparent to media does not change.
type Identity = (u32, u16, u32, u8, u64);

/// A departure, and whether it has arrived.
struct Departure {
    at_ns: u64,
    stream: usize,
    arrived: bool,
}

impl Account {
    pub(super) fn settle(carrier: Record, pbx: Record) -> Self {
        let latency_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)
            .unwrap_or_else(|error| unreachable!("constant bounds are valid: {error}"));
        let mut account = Self {
            streams: Vec::new(),
            latency_ns,
            unmatched: Vec::new(),
            wrong_checksums: 0,
            backwards: 0,
            records: HashMap::new(),
        };
        account.match_way(Side::Carrier, &carrier, &pbx);
        account.match_way(Side::Pbx, &pbx, &carrier);
        account.records = HashMap::from([(Side::Carrier, carrier), (Side::Pbx, pbx)]);
        account
    }

    /// Matches what left `from` with what arrived opposite.
    fn match_way(&mut self, from: Side, sender: &Record, receiver: &Record) {
        let mut departures = self.departures(from, sender);
        for packet in receiver.rtp.iter().filter(|packet| packet.crossing == Crossing::Arrival) {
            self.wrong_checksums += u64::from(!packet.checksums_right);
            let Some(candidates) = departures.get_mut(&identity(packet)) else {
                self.unmatched.push(packet.clone());
                continue;
            };
            match candidates.iter_mut().find(|departure| !departure.arrived) {
                Some(departure) => {
                    departure.arrived = true;
                    self.streams[departure.stream].arrived(packet);
                    self.measure(departure.at_ns, packet.at_ns);
                }
                None => self.streams[candidates[0].stream].duplicated += 1,
            }
        }
    }

    fn departures(&mut self, from: Side, sender: &Record) -> HashMap<Identity, Vec<Departure>> {
        let mut known: BTreeMap<(SocketAddr, u32), usize> = BTreeMap::new();
        let mut departures: HashMap<Identity, Vec<Departure>> = HashMap::new();
        for packet in sender.rtp.iter().filter(|packet| packet.crossing == Crossing::Departure) {
            let stream = *known.entry((packet.from, packet.ssrc)).or_insert_with(|| {
                self.streams.push(Stream::new(from, packet));
                self.streams.len() - 1
            });
            self.streams[stream].sent += 1;
            self.streams[stream].sent_ns.1 = packet.at_ns;
            let departure = Departure { at_ns: packet.at_ns, stream, arrived: false };
            departures.entry(identity(packet)).or_default().push(departure);
        }
        departures
    }

    fn measure(&mut self, departed_ns: u64, arrived_ns: u64) {
        match arrived_ns.checked_sub(departed_ns) {
            Some(latency_ns) => self.latency_ns.saturating_record(latency_ns),
            None => self.backwards += 1,
        }
    }

    /// RTP packets that left both peers.
    pub fn sent(&self) -> u64 {
        self.streams.iter().map(|stream| stream.sent).sum()
    }

    /// RTP packets that left one peer and arrived at the other.
    pub fn received(&self) -> u64 {
        self.streams.iter().map(|stream| stream.received).sum()
    }

    /// RTP packets that left one peer and never arrived.
    pub fn lost(&self) -> u64 {
        self.streams.iter().map(Stream::lost).sum()
    }

    /// Streams of one sender.
    pub fn streams_from(&self, side: Side) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(move |stream| stream.from == side)
    }

    /// Everything that was wrong with delivered media, in words; empty when every packet arrived once, in order,
    /// unchanged, on the one path of its stream.
    pub fn faults(&self) -> Vec<String> {
        let count = |of: fn(&Stream) -> u64| self.streams.iter().map(of).sum::<u64>();
        let strayed = |stream: &Stream| u64::from(stream.paths.len() > 1);
        let found = [
            (self.lost(), "packets lost"),
            (count(|stream| stream.duplicated), "packets duplicated"),
            (count(|stream| stream.reordered), "packets reordered"),
            (self.unmatched.len() as u64, "packets arrived that nobody had sent"),
            (self.wrong_checksums, "packets with a wrong checksum"),
            (self.backwards, "packets arrived before they left"),
            (count(strayed), "streams arrived on more than one path"),
        ];
        found
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect()
    }

    /// Addresses of edge that sent more than one stream to a peer: media of two calls met on one port.
    pub fn shared_ports(&self) -> Vec<SocketAddr> {
        let mut users: HashMap<SocketAddr, usize> = HashMap::new();
        for (from, _) in self.streams.iter().flat_map(|stream| &stream.paths) {
            *users.entry(*from).or_default() += 1;
        }
        users.into_iter().filter(|(_, users)| *users > 1).map(|(port, _)| port).collect()
    }

    /// SIP messages on the link of `side`, in order.
    pub fn sip(&self, side: Side) -> &[SipSighting] {
        self.records.get(&side).map_or(&[], |record| &record.sip)
    }

    /// The same, each message once: who has no answer after T1, because the other end or the machine is slow, says it again.
    pub fn sip_once(&self, side: Side) -> impl Iterator<Item = &SipSighting> {
        let mut seen = HashSet::new();
        self.sip(side).iter().filter(move |message| seen.insert((message.crossing, message.text.as_str())))
    }

    /// TCP segments of signalling on the link of `side`, in order.
    pub fn segments(&self, side: Side) -> &[Segment] {
        self.records.get(&side).map_or(&[], |record| &record.segments)
    }

    /// RTP packets on the link of `side`, in order.
    pub fn rtp(&self, side: Side) -> &[RtpSighting] {
        self.records.get(&side).map_or(&[], |record| &record.rtp)
    }

    /// Milliseconds from the first INVITE of each call to its 200, as the callers on both sides saw them.
    pub fn setup_ms(&self) -> Vec<f64> {
        Side::BOTH.iter().flat_map(|side| self.setup_ms_of(*side)).collect()
    }

    fn setup_ms_of(&self, side: Side) -> Vec<f64> {
        let mut asked: HashMap<&str, u64> = HashMap::new();
        let mut setups = Vec::new();
        for message in self.sip(side) {
            let Some(call) = message.header("Call-ID") else { continue };
            if message.crossing == Crossing::Departure && message.is_request("INVITE") {
                asked.entry(call).or_insert(message.at_ns);
            } else if message.crossing == Crossing::Arrival && message.is_response(200, "INVITE") {
                let took_ns = asked.remove(call).map(|at_ns| message.at_ns.saturating_sub(at_ns));
                setups.extend(took_ns.map(|took_ns| took_ns as f64 / 1e6));
            }
        }
        setups
    }
}

fn identity(packet: &RtpSighting) -> Identity {
    (packet.ssrc, packet.sequence, packet.timestamp, packet.payload_type, packet.payload)
}

#[cfg(test)]
mod tests;
