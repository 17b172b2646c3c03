//! `[[trunk]]`: a peer, who it is, what it may do and which codecs it may use.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use edge_core::media::{Dscp, SourcePolicy};
use edge_core::policy::{
    Auth, Codec, CodecPolicy, Direction, Host, Limits, RealmId, SESSION_TIMER, Transport, Trunk, Visitor,
};
use ipnet::IpNet;

use super::address::{HostText, Source};
use super::as_target;
use super::breaker::breaker;
use super::choice::MediaSource;
use super::digest;
use super::document::{At, Section};
use super::fault::Fault;
use super::guards::guards;
use super::incoming::incoming;
use super::keepalive::keepalive;
use super::keys;
use super::login::{self, TrunkLogin};
use super::marks::marks;
use super::media::{encrypted_by, media_rules};
use super::names::Names;
use super::node::{Bounds, duration};
use super::register;
use super::tls::{self, TlsFault, TrunkTls};
use super::value::Within;
use super::{dtmf, headers, identity, plan};

/// A trunk whose values are right each for itself; `line`s serve the comparison with other trunks.
#[derive(Debug)]
pub(super) struct TrunkDraft<'a> {
    pub(super) section: Section<'a>,
    /// The trunk, when all of the file is right.
    pub(super) said: Trunk,
    pub(super) host: At<Host>,
    /// Line of `transport`, or where it could stand.
    pub(super) transport_line: usize,
    pub(super) tls: TrunkTls,
    pub(super) login: Option<TrunkLogin>,
    pub(super) sources: Vec<At<IpNet>>,
}

impl<'a> TrunkDraft<'a> {
    /// Reads one trunk; `None` when a part that other sections depend on was noted. All of it is read whatever is missing, so
    /// that all that is wrong is said at once.
    pub(super) fn read(section: Section<'a>, name: &str, realms: &Names) -> Option<Self> {
        let auth = authentication(&section);
        let realm = realm(&section, realms);
        let host = digest::host(&section, &auth).or_else(|| host(&section));
        let tls = tls::of_trunk(&section, auth, host.as_ref());
        let next_hop = register::next_hop(&section, host.as_ref());
        let sources = sources(&section, auth.value, next_hop.as_ref());
        let login = login::read(&section);
        let has_transport = section.has("transport");
        let transport_line = if has_transport { section.line_of("transport") } else { section.line };
        let identity = identity::of_trunk(&section);
        let register = register::read(&section, &auth, host.as_ref(), login.as_ref(), &identity);
        let registrar = digest::registrar(&section, &auth);
        let place = next_hop.as_ref().map_or(Host::Visiting, |host| host.value.clone());
        let nets = sources.iter().flatten();
        let said = Trunk {
            auth: auth.value,
            names: tls.names.iter().map(|name| name.value.clone()).collect(),
            sources: nets.map(|source| source.value).collect(),
            marks: marks(&section, auth.value),
            direction: section.or_default("direction"),
            identity,
            register: register.map(Arc::new),
            visitor: Visitor { registrar, ..Visitor::default() },
            ..Trunk::called_at(name, realm.unwrap_or(RealmId::new(0)), place)
        };
        digest::check(&section, &auth, said.direction);
        let said = with_media(&section, with_calls(&section, said));
        realm?;
        Some(Self { section, said, host: next_hop?, transport_line, tls, login, sources: sources? })
    }

    /// Whether we may ever call it.
    pub(super) fn is_called(&self) -> bool {
        self.said.direction != Direction::Inbound
    }
}

/// What the calls of a trunk may be, and how it is asked for them.
fn with_calls(section: &Section<'_>, trunk: Trunk) -> Trunk {
    Trunk {
        enabled: section.get("enabled").is_none_or(|enabled| enabled.value),
        limits: limits(section),
        diversions: section.or_default("diversion"),
        headers: headers::of_trunk(section, &trunk.name),
        session_timer: session_timer(section),
        reliable_provisional: section.or_default("reliable_provisional"),
        redirects: section.or_default("redirects"),
        delayed_offer: section.or_default("delayed_offer"),
        refer: section.or_default("refer"),
        as_target: as_target::read(section),
        large_over_tcp: section.get("large_over_tcp").is_none_or(|large| large.value),
        numbers: Arc::new(plan::of_trunk(section)),
        keepalive: keepalive(section),
        breaker: breaker(section),
        incoming: incoming(section, trunk.direction),
        guards: guards(section),
        ..trunk
    }
}

/// What their media may be, and how packets are marked.
fn with_media(section: &Section<'_>, trunk: Trunk) -> Trunk {
    let nat = section.get("nat").is_some_and(|nat| nat.value);
    let srtp = section.or_default("srtp");
    let media = media_rules(section, &trunk.numbers, srtp);
    let dscp = section.table("dscp", keys::TRUNK_DSCP);
    let [rtp_dscp, sip_dscp] = ["rtp", "sip"].map(|key| Some(dscp.as_ref()?.get::<Dscp>(key)?.value));
    Trunk {
        codecs: codecs(section),
        srtp,
        nat,
        media_source: media_source(section, nat),
        rtp_dscp,
        sip_dscp,
        dtmf: dtmf::of_trunk(section, media.direct, encrypted_by(srtp, media.dtls)),
        media,
        ..trunk
    }
}

/// RFC 4028 wants at least 90 s; a side that dies without a word should not be paid for longer than a day.
fn session_timer(section: &Section<'_>) -> Option<Duration> {
    let bounds = Bounds { min: ("90s", Duration::from_secs(90)), max: ("24h", Duration::from_secs(86_400)) };
    let Some(written) = section.get::<&str>("session_timer") else { return Some(SESSION_TIMER) };
    match written.value {
        "off" => None,
        _ => Some(duration(section, "session_timer", SESSION_TIMER, &bounds)),
    }
}

fn authentication(section: &Section<'_>) -> At<Auth> {
    if !section.has("auth") {
        section.note(section.line, "auth", Fault::Unauthenticated { found: "is missing" });
    }
    section.get("auth").unwrap_or(At { value: Auth::Address, line: section.line })
}

fn realm(section: &Section<'_>, realms: &Names) -> Option<RealmId> {
    let name: At<&str> =
        section.require("realm", "realm = \"...\", the network that the trunk is reached through")?;
    realms.resolve(section, "realm", name).map(RealmId::new)
}

/// An address has a port and a transport in any case; for a name, DNS says what the file does not (RFC 3263).
fn host(section: &Section<'_>) -> Option<At<Host>> {
    let host: Option<At<HostText>> =
        section.require("host", "host = \"198.51.100.10\", where requests are sent");
    let port = section.get::<Within<1, 65_535>>("port").map(|port| port.value.port());
    let transport = section.get::<Transport>("transport").map(|transport| transport.value);
    let At { value: host, line } = host?;
    let value = match host {
        HostText::Address(address) => {
            let transport = transport.unwrap_or_default();
            let port = port.unwrap_or(transport.usual_port());
            Host::Address { address: SocketAddr::new(address, port), transport }
        }
        HostText::Name(name) => Host::Name { name, port, transport },
    };
    Some(At { value, line })
}

impl Within<1, 65_535> {
    #[expect(clippy::expect_used, reason = "the bounds of the type are those of a port")]
    pub(super) fn port(self) -> u16 {
        u16::try_from(self.0).expect("a number from 1 to 65535 is a port")
    }
}

/// Who may send as the trunk beside its host, or what DNS makes of that, which always may; by default nobody. One that is
/// known by its certificate has none.
fn sources(section: &Section<'_>, auth: Auth, host: Option<&At<Host>>) -> Option<Vec<At<IpNet>>> {
    if auth == Auth::Registration {
        return Some(Vec::new());
    }
    if auth == Auth::Certificate {
        if section.has("sources") {
            section.note(section.line_of("sources"), "sources", TlsFault::Sources.into());
        }
        return Some(Vec::new());
    }
    if !section.has("sources") && auth == Auth::Digest {
        return Some(Vec::new());
    }
    if !section.has("sources") {
        let address = |host: &At<Host>| match host.value {
            Host::Address { address, .. } => vec![At { value: IpNet::from(address.ip()), line: host.line }],
            Host::Name { .. } | Host::Visiting => Vec::new(),
        };
        return host.map(address);
    }
    section.refuse_empty("sources", "remove the key to take the host alone, or name the peer's networks");
    let sources: Vec<_> = section
        .list::<Source>("sources")?
        .into_iter()
        .map(|At { value: Source(value), line }| At { value, line })
        .collect();
    for (index, source) in sources.iter().enumerate() {
        if let Some(first) = sources[..index].iter().find(|first| first.value == source.value) {
            let fault = Fault::Duplicate { found: source.value.to_string(), first: first.line };
            section.note(source.line, "sources", fault);
        }
    }
    Some(sources)
}

/// By default whom the SDP names. Behind a NAT that is wrong, so nothing about it can be demanded.
fn media_source(section: &Section<'_>, nat: bool) -> SourcePolicy {
    let Some(At { value: MediaSource(policy), line }) = section.get("media_source") else {
        return SourcePolicy::Strict;
    };
    let found = match policy {
        SourcePolicy::Strict => "\"strict\"",
        SourcePolicy::Port => "\"port\"",
        SourcePolicy::Subnet { .. } => "a subnet",
        SourcePolicy::Latch { .. } => return policy,
    };
    if nat {
        section.note(line, "media_source", Fault::SourceBehindNat { found });
    }
    policy
}

pub(super) fn limits(section: &Section<'_>) -> Limits {
    let bound = |key| section.get::<NonZeroU32>(key).map(|bound| bound.value.get());
    if section.has("max_cps_burst") && !section.has("max_cps") {
        section.note(section.line_of("max_cps_burst"), "max_cps_burst", Fault::Needs { key: "max_cps = 50" });
    }
    Limits {
        calls_max: bound("max_calls"),
        calls_in_max: bound("max_calls_in"),
        calls_out_max: bound("max_calls_out"),
        calls_per_second_max: bound("max_cps"),
        burst_max: bound("max_cps_burst"),
        refuse_with: section.or_default("refuse_with"),
    }
}

fn codecs(section: &Section<'_>) -> CodecPolicy {
    section.refuse_empty("allow", "remove the key to allow every codec");
    let allow = unique_codecs(section, "allow");
    let deny = unique_codecs(section, "deny");
    for codec in deny.iter().filter(|codec| allow.iter().any(|allowed| codec.value.covers(&allowed.value))) {
        section.note(codec.line, "deny", Fault::AllowedAndDenied { found: codec.value.to_string() });
    }
    for codec in deny.iter().filter(|codec| codec.value.covers(&Codec::new("*"))) {
        let expected = "the codecs that it may not use; enabled = false switches a trunk off";
        section.note(codec.line, "deny", Fault::Form { found: codec.value.to_string(), expected });
    }
    if !allow.is_empty() && !allow.iter().any(|codec| carries_audio(&codec.value)) {
        section.note(section.line_of("allow"), "allow", Fault::NoAudio);
    }
    let bare = |codecs: Vec<At<Codec>>| codecs.into_iter().map(|codec| codec.value).collect();
    CodecPolicy { allow: bare(allow), deny: bare(deny) }
}

fn unique_codecs(section: &Section<'_>, key: &'static str) -> Vec<At<Codec>> {
    let codecs: Vec<At<Codec>> = section.list(key).unwrap_or_default();
    for (index, codec) in codecs.iter().enumerate() {
        if let Some(first) = codecs[..index].iter().find(|first| first.value == codec.value) {
            let fault = Fault::Duplicate { found: codec.value.to_string(), first: first.line };
            section.note(codec.line, key, fault);
        }
    }
    codecs
}

/// DTMF events (RFC 4733) and comfort noise (RFC 3389) go beside a codec, never alone.
fn carries_audio(codec: &Codec) -> bool {
    codec.is_open() || (!codec.is("telephone-event") && !codec.is("CN"))
}
