//! The SIP shield: what becomes of a packet for one of our SIP listeners.
//!
//! In this order: is it for a listener, what did the operator say of its source, is that a trunk's, what has it earned; and
//! only then, for a stranger, what it sends and how much. What is for no listener is not looked at any further.
//!
//! Invariants: a trunk's source is never limited, and nothing that strangers do changes what happens to it; a frame is
//! not changed; each packet for a listener has one verdict, and that one counter; the work for a packet is bounded,
//! and a stranger that is over its rate costs no more than the look at its bucket.
//!
//! That a datagram's source is who it says to be, nobody can tell here: a flood that forges a trunk's address passes as that
//! trunk's. Networks keep such packets out at their border (BCP 38).

mod bucket;
mod message;
mod packet;
mod scanner;
mod verdict;

use crate::abi::{
    Address, Class, LIST_ALLOW, LIST_DENY, LISTENER_CERTIFICATES, LISTENER_PASSWORDS, Listed, Listener,
    ListenerKey, MODE_OFF, MODE_SHADOW, Rate, ShieldSettings, Standing, Stranger, UNKNOWN_DROP, UNKNOWN_PASS,
    Word, visited,
};
use crate::frame::Frame;
use message::Kind;
use packet::{Content, Packet};

pub use verdict::{ShieldDrop, ShieldPass, ShieldVerdict, counters};

/// Prefixes of one address that are looked at when those before them no longer hold.
const LISTED_DEPTH_MAX: u32 = 4;

/// A segment of a connection counts as this part of a message, as a power of two: a handshake of TLS takes ten.
const SEGMENT_SHIFT: u32 = 4;

/// Bytes of a stranger's datagram: what fits no Ethernet frame has no business here (RFC 3261 section 18.1.1 sends it over
/// TCP).
const DATAGRAM_BYTES_MAX: usize = 1500;

/// The tables of [`abi`](crate::abi) that the shield needs, wherever they live.
pub trait ShieldTables {
    /// What the operator decided.
    fn settings(&self) -> Option<&ShieldSettings>;

    /// The listener at an address and port.
    fn listener(&self, key: &ListenerKey) -> Option<Listener>;

    /// Whether `source` is a trunk's in this realm.
    fn is_trusted(&self, realm: u32, source: Address) -> bool;

    /// The longest prefix of `source` with at most `bits` that the operator has listed.
    fn listed(&self, source: Address, bits: u32) -> Option<Listed>;

    /// What a host has earned.
    fn standing(&self, host: Address) -> Option<Standing>;

    /// A stranger; one that is not known becomes so, in the place of the one that was not seen for longest.
    fn stranger(&self, host: Address) -> Option<&Stranger>;

    /// The bucket of all strangers for a class.
    fn class(&self, class: Class) -> Option<&Word>;
}

/// Decides about one frame that is not media.
#[inline(always)]
pub fn shield(frame: &impl Frame, tables: &impl ShieldTables) -> ShieldVerdict {
    let Some(settings) = tables.settings() else { return ShieldVerdict::Elsewhere };
    let Some(packet) = Packet::parse(frame) else { return ShieldVerdict::Elsewhere };
    let Some(listener) = tables.listener(&packet.key(frame.ingress_ifindex())) else {
        return ShieldVerdict::Elsewhere;
    };
    let mode = settings.mode.load();
    if mode == MODE_OFF {
        return ShieldVerdict::Pass(ShieldPass::Off);
    }
    match judge(frame, tables, settings, &packet, listener) {
        Ok(pass) => ShieldVerdict::Pass(pass),
        Err(drop) if mode == MODE_SHADOW => ShieldVerdict::Spare(drop),
        Err(drop) => ShieldVerdict::Drop(drop),
    }
}

#[inline(always)]
fn judge(
    frame: &impl Frame,
    tables: &impl ShieldTables,
    settings: &ShieldSettings,
    packet: &Packet,
    listener: Listener,
) -> Result<ShieldPass, ShieldDrop> {
    let now_ns = frame.arrival_ns();
    match listed(tables, packet.source, now_ns) {
        LIST_DENY => return Err(ShieldDrop::Denied),
        LIST_ALLOW => return Ok(ShieldPass::Allowed),
        _ => {}
    }
    if tables.is_trusted(listener.realm, packet.source) {
        return Ok(ShieldPass::Trusted);
    }
    let host = packet.source.host();
    let standing = tables.standing(host).unwrap_or_default();
    if standing.familiar_until_ns > now_ns && packet.content.is_stream() {
        return Ok(ShieldPass::Familiar);
    }
    if standing.banned_until_ns > now_ns
        || standing.datagrams_banned_until_ns > now_ns && packet.content.is_datagram()
    {
        return Err(ShieldDrop::Banned);
    }
    let desk = Desk { tables, settings, host, now_ns };
    match settings.unknown.load() {
        // Whose it is cannot be told, so it is not refused as a stranger's.
        _ if packet.content.is_anybodys() => desk.anybodys(),
        UNKNOWN_PASS => Ok(ShieldPass::Unlimited),
        UNKNOWN_DROP if !may_begin(tables, packet, listener) => Err(ShieldDrop::Unknown),
        _ => desk.stranger(frame, packet),
    }
}

/// Whether who comes there can prove who it is.
#[inline(always)]
fn may_begin(tables: &impl ShieldTables, packet: &Packet, listener: Listener) -> bool {
    listener.flags & LISTENER_CERTIFICATES != 0 && packet.content.is_stream()
        || listener.flags & LISTENER_PASSWORDS != 0
            && tables.is_trusted(visited(listener.realm), packet.source)
}

/// The most specific thing that the operator says of an address and that still holds; 0 when there is none.
#[inline(always)]
fn listed(tables: &impl ShieldTables, source: Address, now_ns: u64) -> u32 {
    let mut bits = Address::BITS;
    for _ in 0..LISTED_DEPTH_MAX {
        let Some(listed) = tables.listed(source, bits) else { return 0 };
        if listed.holds(now_ns) {
            return listed.decision;
        }
        if listed.prefix == 0 || listed.prefix > bits {
            return 0;
        }
        bits = listed.prefix - 1;
    }
    0
}

/// Where a stranger is looked at.
struct Desk<'a, T> {
    tables: &'a T,
    settings: &'a ShieldSettings,
    host: Address,
    now_ns: u64,
}

impl<T: ShieldTables> Desk<'_, T> {
    #[inline(always)]
    fn stranger(&self, frame: &impl Frame, packet: &Packet) -> Result<ShieldPass, ShieldDrop> {
        match packet.content {
            Content::Datagram { offset, len } => self.datagram(frame, offset, len),
            Content::Segment { opens } => self.segment(opens),
            Content::Fragment => Err(ShieldDrop::Fragment),
            Content::Hidden => Err(ShieldDrop::ExtensionHeaders),
            Content::LaterFragment => self.anybodys(),
        }
    }

    /// The cheap looks come first, and the one at the whole message only when it is within all rates.
    #[inline(always)]
    fn datagram(&self, frame: &impl Frame, offset: usize, len: usize) -> Result<ShieldPass, ShieldDrop> {
        if len > DATAGRAM_BYTES_MAX {
            return Err(ShieldDrop::Oversize);
        }
        if offset + len > frame.len() {
            return Err(ShieldDrop::Malformed);
        }
        let class = match message::kind(frame, offset, len) {
            Kind::Invite => Class::Invite,
            Kind::Register => Class::Register,
            Kind::Options => Class::Options,
            Kind::Request => Class::Request,
            Kind::Keepalive => Class::Keepalive,
            Kind::Response => return Err(ShieldDrop::StrayResponse),
            Kind::Garbage => return Err(ShieldDrop::Garbage),
        };
        let stranger = self.admit(class, 0)?;
        if scanner::is_signed(frame, offset, len) {
            stranger.scanner_until_ns.store(self.now_ns.saturating_add(self.settings.scanner_ns.load()));
            return Err(ShieldDrop::Scanner);
        }
        // Asked once more: what is known before the scan's loop, the verifier follows through it once for each kind.
        Ok(match message::kind(frame, offset, len) {
            Kind::Invite => ShieldPass::Invite,
            Kind::Register => ShieldPass::Register,
            Kind::Options => ShieldPass::Options,
            Kind::Request | Kind::Response | Kind::Garbage => ShieldPass::Request,
            Kind::Keepalive => ShieldPass::Keepalive,
        })
    }

    #[inline(always)]
    fn segment(&self, opens: bool) -> Result<ShieldPass, ShieldDrop> {
        if opens {
            self.admit(Class::Connection, 0)?;
            Ok(ShieldPass::Connection)
        } else {
            self.admit(Class::Segment, SEGMENT_SHIFT)?;
            Ok(ShieldPass::Segment)
        }
    }

    #[inline(always)]
    fn anybodys(&self) -> Result<ShieldPass, ShieldDrop> {
        let (bucket, rate) = self.class(Class::Fragment).ok_or(ShieldDrop::FragmentRate)?;
        if bucket::take(bucket, rate, 0, self.now_ns) {
            Ok(ShieldPass::LaterFragment)
        } else {
            Err(ShieldDrop::FragmentRate)
        }
    }

    /// Takes a unit of the stranger and of all strangers. Where nothing is left for all, the stranger is not even looked
    /// up: under a flood of forged sources each would be new.
    #[inline(always)]
    fn admit(&self, class: Class, shift: u32) -> Result<&Stranger, ShieldDrop> {
        let (all, rate) = self.class(class).ok_or(ShieldDrop::ClassRate)?;
        if !bucket::has_room(all, rate, self.now_ns) {
            return Err(ShieldDrop::ClassRate);
        }
        let stranger = self.tables.stranger(self.host).ok_or(ShieldDrop::SourceRate)?;
        if stranger.scanner_until_ns.load() > self.now_ns {
            return Err(ShieldDrop::Scanner);
        }
        if !bucket::take(&stranger.full_at_ns, &self.settings.source, shift, self.now_ns) {
            return Err(ShieldDrop::SourceRate);
        }
        if !bucket::take(all, rate, 0, self.now_ns) {
            return Err(ShieldDrop::ClassRate);
        }
        Ok(stranger)
    }

    #[inline(always)]
    fn class(&self, class: Class) -> Option<(&Word, &Rate)> {
        Some((self.tables.class(class)?, self.settings.classes.get(class as usize)?))
    }
}

#[cfg(test)]
mod tests;
