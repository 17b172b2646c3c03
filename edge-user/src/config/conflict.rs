//! What is right in each section but not in all together: addresses, ports and sources that meet.

use std::net::{IpAddr, SocketAddr};

use edge_core::policy::{Host, MediaRange, PortRange, Transport};

use super::advertise;
use super::digest;
use super::document::At;
use super::fault::Fault;
use super::marks;
use super::realm::RealmDraft;
use super::tls;
use super::trunk::TrunkDraft;

/// What two sections, or two lines of one, cannot have at once.
#[derive(Debug, thiserror::Error)]
pub enum ConflictFault {
    /// Two ranges that hold the same port of the same address.
    #[error("has {address} with ports {ports}, which meet ports {other} of realm {realm} (line {line})")]
    MediaOverlap {
        /// The address.
        address: IpAddr,
        /// The later range.
        ports: PortRange,
        /// The earlier range.
        other: PortRange,
        /// Realm of the earlier one.
        realm: String,
        /// Line of the earlier one.
        line: usize,
    },
    /// A SIP port that media would take.
    #[error(
        "has {listener}, inside the media ports {ports} of realm {realm} (line {line}); move one of them"
    )]
    SipInMedia {
        /// The SIP address.
        listener: SocketAddr,
        /// The media range.
        ports: PortRange,
        /// Its realm.
        realm: String,
        /// Its line.
        line: usize,
    },
    /// A trunk that is ourselves.
    #[error("is {found}, where realm {realm} listens: the edge would call itself")]
    CallsItself {
        /// The address.
        found: SocketAddr,
        /// The realm.
        realm: String,
    },
    /// A trunk whose realm does not listen for its transport.
    #[error(
        "is {found}, but realm {realm} does not listen for it; add \"{found}:ADDRESS:{}\" to the realm's `sip`", found.usual_port()
    )]
    NoListener {
        /// The trunk's transport.
        found: Transport,
        /// Its realm.
        realm: String,
    },
    /// A trunk whose realm has no listening address of its family.
    #[error("is {found}, but realm {realm} has no {family} address in `sip` for {transport}; add one")]
    NoFamily {
        /// The trunk's host.
        found: IpAddr,
        /// Its realm.
        realm: String,
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// The trunk's transport.
        transport: Transport,
    },
    /// A trunk behind a NAT whose realm has no media address of its family.
    #[error(
        "is true, but realm {realm} has no {family} address in `media`, and media of {found} can only come from there; \
         add one"
    )]
    NoMediaBehindNat {
        /// The trunk's host.
        found: IpAddr,
        /// Its realm.
        realm: String,
        /// `IPv4` or `IPv6`.
        family: &'static str,
    },
}

/// Notes everything that two realms, or a realm with itself, cannot have at once.
pub(super) fn between_realms(realms: &[&RealmDraft<'_>]) {
    listeners_twice(realms);
    media_twice(realms);
    listeners_in_media(realms);
    advertise::between(realms);
}

/// Notes everything that two trunks, or a trunk and a realm, cannot have at once.
pub(super) fn between_trunks(trunks: &[&TrunkDraft<'_>], realms: &[Option<RealmDraft<'_>>]) {
    marks::ambiguous_sources(trunks);
    calls_itself(trunks, realms);
    nothing_to_send_from(trunks, realms);
    nothing_of_their_family(trunks, realms);
    tls::check_trunks(trunks, realms);
    digest::between(trunks);
}

fn listeners_twice(realms: &[&RealmDraft<'_>]) {
    let all: Vec<_> = realms.iter().flat_map(|realm| realm.sip.iter().map(move |at| (realm, at))).collect();
    for (index, (realm, listener)) in all.iter().enumerate() {
        if let Some((_, first)) = all[..index].iter().find(|(_, first)| first.value == listener.value) {
            let fault = Fault::Duplicate { found: listener.value.to_string(), first: first.line };
            realm.section.note(listener.line, "sip", fault);
        }
    }
}

fn media_twice(realms: &[&RealmDraft<'_>]) {
    let all = media(realms);
    for (index, (realm, range)) in all.iter().enumerate() {
        if let Some((other, first)) = all[..index].iter().find(|(_, first)| meet(&first.value, &range.value))
        {
            let fault = ConflictFault::MediaOverlap {
                address: range.value.address,
                ports: range.value.ports,
                other: first.value.ports,
                realm: other.name.clone(),
                line: first.line,
            };
            realm.section.note(range.line, "media", fault.into());
        }
    }
}

fn media<'a>(realms: &[&'a RealmDraft<'a>]) -> Vec<(&'a RealmDraft<'a>, &'a At<MediaRange>)> {
    realms.iter().flat_map(|realm| realm.media.iter().map(move |range| (*realm, range))).collect()
}

fn meet(a: &MediaRange, b: &MediaRange) -> bool {
    let ports = |a: PortRange, b: PortRange| a.first() <= b.last() && b.first() <= a.last();
    a.address == b.address && ports(a.ports, b.ports)
}

fn listeners_in_media(realms: &[&RealmDraft<'_>]) {
    let ranges = media(realms);
    let all = realms.iter().flat_map(|realm| realm.sip.iter().map(move |at| (realm, at)));
    // Media is UDP: another transport's ports are others.
    for (realm, listener) in all.filter(|(_, listener)| listener.value.transport == Transport::Udp) {
        let (address, port) = (listener.value.address.ip(), listener.value.address.port());
        let holds = |range: &MediaRange| range.address == address && range.ports.contains(port);
        if let Some((owner, range)) = ranges.iter().find(|(_, range)| holds(&range.value)) {
            let fault = ConflictFault::SipInMedia {
                listener: listener.value.address,
                ports: range.value.ports,
                realm: owner.name.clone(),
                line: range.line,
            };
            realm.section.note(listener.line, "sip", fault.into());
        }
    }
}

fn calls_itself(trunks: &[&TrunkDraft<'_>], realms: &[Option<RealmDraft<'_>>]) {
    for trunk in trunks {
        let Some(found) = trunk.host.value.address() else { continue };
        if let Some(realm) = realms.iter().flatten().find(|realm| advertise::listens_at(realm, found)) {
            let fault = ConflictFault::CallsItself { found, realm: realm.name.clone() };
            trunk.section.note(trunk.host.line, "host", fault.into());
        }
    }
}

/// A trunk is sent to from a listener of its transport: that is where its answers and its own requests come to.
fn nothing_to_send_from(trunks: &[&TrunkDraft<'_>], realms: &[Option<RealmDraft<'_>>]) {
    for trunk in trunks {
        // A realm that could not be read has its own fault.
        let Some(Some(realm)) = realms.get(trunk.said.realm.index()) else { continue };
        let Some(found) = trunk.host.value.transport() else { continue };
        if realm.sip.iter().all(|listener| listener.value.transport != found) {
            let fault = ConflictFault::NoListener { found, realm: realm.name.clone() };
            trunk.section.note(trunk.transport_line, "transport", fault.into());
        }
    }
}

/// Requests leave from an address of their target's family. Behind a NAT so does media; without one the SDP of a peer may name
/// either.
fn nothing_of_their_family(trunks: &[&TrunkDraft<'_>], realms: &[Option<RealmDraft<'_>>]) {
    for trunk in trunks {
        let Some(Some(realm)) = realms.get(trunk.said.realm.index()) else { continue };
        // What a name leads to is known when DNS says it; a target that no listener reaches is passed over.
        let Host::Address { address, transport } = trunk.host.value else { continue };
        let found = address.ip();
        let family = if found.is_ipv4() { "IPv4" } else { "IPv6" };
        let own = |address: IpAddr| address.is_ipv4() == found.is_ipv4();
        let mut over = realm.sip.iter().filter(|listener| listener.value.transport == transport).peekable();
        if over.peek().is_some() && !over.any(|listener| own(listener.value.address.ip())) {
            let fault = ConflictFault::NoFamily { found, realm: realm.name.clone(), family, transport };
            trunk.section.note(trunk.host.line, "host", fault.into());
        }
        if trunk.said.nat && !realm.media.iter().any(|range| own(range.value.address)) {
            let fault = ConflictFault::NoMediaBehindNat { found, realm: realm.name.clone(), family };
            trunk.section.note(trunk.section.line_of("nat"), "nat", fault.into());
        }
    }
}
