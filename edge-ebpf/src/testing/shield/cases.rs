//! The table of cases of the shield: what came before, what comes, and what must become of it.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::super::packet::{Packet, UdpChecksum};
use super::super::scene::{LOCAL_A, LOCAL_A_V6};
use super::{
    FUTURE_NS, OF_ALL, OF_ONE, REALM, SIP_PORT, SIPS_PORT, STRANGER, STRANGER_V6, ShieldScene, TRUNK,
};
use crate::abi::{
    Address, LIST_ALLOW, LIST_DENY, LISTENER_CERTIFICATES, LISTENER_PASSWORDS, MODE_OFF, MODE_SHADOW,
    Standing, UNKNOWN_DROP, UNKNOWN_PASS, visited,
};
use crate::shield::ShieldDrop::{self, *};
use crate::shield::ShieldPass::{self, *};
use crate::shield::ShieldVerdict;
use crate::wire::tcp;

/// One case.
#[derive(Debug)]
pub struct ShieldCase {
    /// What it shows.
    pub name: &'static str,
    /// The tables before.
    pub scene: ShieldScene,
    /// Frames that come first.
    pub before: Vec<Vec<u8>>,
    /// The frame.
    pub frame: Vec<u8>,
    /// What must become of it.
    pub verdict: ShieldVerdict,
}

/// A request with this request line and headers, as long as one is.
#[must_use]
pub fn request(line: &str, headers: &str) -> Vec<u8> {
    format!(
        "{line} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.7;branch=z9hG4bK1\r\n{headers}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// A datagram of a stranger for our SIP port.
#[must_use]
pub fn from_stranger(payload: Vec<u8>) -> Packet {
    Packet::udp((STRANGER, 5060), (LOCAL_A.0, SIP_PORT), payload)
}

/// A segment of TCP with these control bits.
#[must_use]
pub fn segment(source: [u8; 4], port: u16, flags: u8) -> Packet {
    // The builder's UDP header has the place of the ports and of the sequence number.
    let rest = vec![0, 0, 0, 0, 5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0];
    Packet::udp((source, 40_000), (LOCAL_A.0, port), rest)
        .with(|packet| (packet.protocol, packet.udp_checksum) = (tcp::PROTOCOL, UdpChecksum::None))
}

/// SYN, and ACK.
pub const SYN: u8 = 0x02;
/// ACK alone.
pub const ACK: u8 = 0x10;

fn invite() -> Vec<u8> {
    request("INVITE sip:100@10.0.0.1", "")
}

/// Every case.
#[must_use]
pub fn shield_cases() -> Vec<ShieldCase> {
    [elsewhere(), known(), kinds(), refused(), rates(), streams(), passwords(), fragments(), modes()]
        .into_iter()
        .flatten()
        .collect()
}

fn case(name: &'static str, scene: ShieldScene, sent: &Packet, verdict: ShieldVerdict) -> ShieldCase {
    ShieldCase { name, scene, before: vec![], frame: sent.build(), verdict }
}

fn passes(name: &'static str, reason: ShieldPass, sent: &Packet) -> ShieldCase {
    case(name, ShieldScene::guarded(), sent, ShieldVerdict::Pass(reason))
}

fn drops(name: &'static str, reason: ShieldDrop, sent: &Packet) -> ShieldCase {
    case(name, ShieldScene::guarded(), sent, ShieldVerdict::Drop(reason))
}

impl ShieldCase {
    fn of(self, scene: ShieldScene) -> Self {
        Self { scene, ..self }
    }

    fn after(self, before: Vec<Vec<u8>>) -> Self {
        Self { before, ..self }
    }
}

fn elsewhere() -> Vec<ShieldCase> {
    let to = |change: fn(&mut Packet)| from_stranger(invite()).with(change);
    let other = |name, sent: Packet| case(name, ShieldScene::guarded(), &sent, ShieldVerdict::Elsewhere);
    let mut other_device = other("other_device", from_stranger(invite()));
    for (key, _) in &mut other_device.scene.listeners {
        key.ifindex += 1;
    }
    vec![
        other("other_port", to(|p| p.destination.1 = 5080)),
        other("other_address", to(|p| p.destination.0 = [10, 0, 9, 9])),
        other("icmp", to(|p| p.protocol = 1)),
        other("ipv6_ipsec", from_v6(invite()).with(|p| p.protocol = 50)),
        other("cut_off_before_the_port", to(|p| p.total_length = Some(20))).cut(36),
        other_device,
    ]
}

impl ShieldCase {
    fn cut(mut self, len: usize) -> Self {
        self.frame.truncate(len);
        self
    }
}

fn from_v6(payload: Vec<u8>) -> Packet {
    Packet::udp_v6((STRANGER_V6, 5060), (LOCAL_A_V6.0, SIP_PORT), payload)
}

fn from_trunk(payload: Vec<u8>) -> Packet {
    from_stranger(payload).with(|packet| packet.source.0 = TRUNK)
}

fn known() -> Vec<ShieldCase> {
    let scene = ShieldScene::guarded;
    let (stranger, connection) = (|| from_stranger(invite()), || segment(STRANGER, SIPS_PORT, SYN));
    let familiar = |familiar_until_ns| Standing { familiar_until_ns, ..Standing::default() };
    let banned = |banned_until_ns| Standing { banned_until_ns, ..Standing::default() };
    let no_datagrams = Standing { datagrams_banned_until_ns: FUTURE_NS, ..Standing::default() };
    let other_realm = scene().with(|scene| scene.trusted[0].0 += 1);
    vec![
        passes("trunk", Trusted, &from_trunk(invite())),
        passes("trunk_garbage", Trusted, &from_trunk(vec![0xff; 40])),
        passes("trunk_response", Trusted, &from_trunk(b"SIP/2.0 200 OK\r\n\r\n".to_vec())),
        passes("trunk_fragment", Trusted, &from_trunk(invite()).with(|p| p.fragment = 0x2000)),
        passes("trunk_later_fragment", Trusted, &from_trunk(invite()).with(|p| p.fragment = 0x0010)),
        passes("trunk_stream", Trusted, &segment(TRUNK, SIP_PORT, SYN)),
        passes("trunk_of_another_realm", Invite, &from_trunk(invite())).of(other_realm),
        passes("trunk_is_never_banned", Trusted, &from_trunk(invite()))
            .of(scene().standing(TRUNK, banned(FUTURE_NS))),
        drops("trunk_denied", Denied, &from_trunk(invite())).of(scene().listing(TRUNK, 32, LIST_DENY, 0)),
        drops("denied", Denied, &stranger()).of(scene().listing([203, 0, 113, 0], 24, LIST_DENY, 0)),
        drops("denied_for_a_time", Denied, &stranger()).of(scene().listing(
            [203, 0, 113, 0],
            24,
            LIST_DENY,
            FUTURE_NS,
        )),
        passes("denied_until_then", Invite, &stranger()).of(scene().listing(
            [203, 0, 113, 0],
            24,
            LIST_DENY,
            1,
        )),
        passes("allowed", Allowed, &stranger()).of(scene().listing(STRANGER, 32, LIST_ALLOW, 0)),
        passes("allowed_within_denied", Allowed, &stranger()).of(scene()
            .listing([203, 0, 0, 0], 8, LIST_DENY, 0)
            .listing(STRANGER, 32, LIST_ALLOW, FUTURE_NS)),
        drops("allowed_within_denied_until_then", Denied, &stranger())
            .of(scene().listing([203, 0, 0, 0], 8, LIST_DENY, 0).listing(STRANGER, 32, LIST_ALLOW, 1)),
        passes("familiar", Familiar, &connection()).of(scene().standing(STRANGER, familiar(FUTURE_NS))),
        passes("familiar_datagram", Invite, &stranger()).of(scene().standing(STRANGER, familiar(FUTURE_NS))),
        passes("familiar_until_then", Connection, &connection()).of(scene().standing(STRANGER, familiar(1))),
        drops("banned", Banned, &stranger()).of(scene().standing(STRANGER, banned(FUTURE_NS))),
        drops("banned_connection", Banned, &segment(STRANGER, SIPS_PORT, SYN))
            .of(scene().standing(STRANGER, banned(FUTURE_NS))),
        passes("banned_until_then", Invite, &stranger()).of(scene().standing(STRANGER, banned(1))),
        drops("banned_datagram", Banned, &stranger()).of(scene().standing(STRANGER, no_datagrams)),
        passes("connection_of_banned_datagrams", Connection, &segment(STRANGER, SIPS_PORT, SYN))
            .of(scene().standing(STRANGER, no_datagrams)),
    ]
}

fn kinds() -> Vec<ShieldCase> {
    let sends = |payload: &[u8]| from_stranger(payload.to_vec());
    vec![
        passes("invite", Invite, &from_stranger(invite())),
        passes("invite_over_ipv6", Invite, &from_v6(invite())),
        passes("invite_behind_ip_options", Invite, &from_stranger(invite()).with(|p| p.options = vec![1; 8])),
        passes("register", Register, &from_stranger(request("REGISTER sip:10.0.0.1", ""))),
        passes("options", Options, &from_stranger(request("OPTIONS sip:10.0.0.1", ""))),
        passes("subscribe", Request, &from_stranger(request("SUBSCRIBE sip:1@10.0.0.1", ""))),
        passes("bye", Request, &from_stranger(request("BYE sip:1@10.0.0.1", ""))),
        passes("unheard_of_method", Request, &from_stranger(request("PLEASE sip:1@10.0.0.1", ""))),
        passes("double_line_end", Keepalive, &sends(b"\r\n\r\n")),
        passes("zeros", Keepalive, &sends(&[0; 4])),
        passes("nothing", Keepalive, &sends(&[])),
    ]
}

fn refused() -> Vec<ShieldCase> {
    let sends = |payload: &[u8]| from_stranger(payload.to_vec());
    let signed = |headers| from_stranger(request("OPTIONS sip:100@10.0.0.1", headers));
    let late = || {
        let padding: &str =
            &"X: 1234567890123456789012345678901234567890123456789012345678901234\r\n".repeat(8);
        from_stranger(request(
            "OPTIONS sip:100@10.0.0.1",
            &format!("{padding}User-Agent: friendly-scanner\r\n"),
        ))
    };
    let first = signed("User-Agent: friendly-scanner\r\n").build();
    vec![
        drops("response", StrayResponse, &sends(b"SIP/2.0 200 OK\r\n\r\n")),
        drops("garbage", Garbage, &sends(&[0xff; 64])),
        drops("lower_case", Garbage, &sends(b"invite sip:1@10.0.0.1 SIP/2.0\r\n\r\n")),
        drops("seven_bytes", Garbage, &sends(b"INVITE ")),
        drops("four_bytes", Garbage, &sends(b"PING")),
        drops("stun", Garbage, &sends(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0])),
        drops("oversize", Oversize, &from_stranger(vec![b'A'; 1501])),
        drops("cut_off", Malformed, &from_stranger(invite())).cut(60),
        drops("friendly_scanner", Scanner, &signed("User-Agent: friendly-scanner\r\n")),
        drops("sipvicious", Scanner, &signed("From: \"sipvicious\"<sip:100@1.1.1.1>;tag=1\r\n")),
        drops("sipcli_in_capitals", Scanner, &signed("User-Agent: SIPCLI/v1.8\r\n")),
        drops("pplsip", Scanner, &signed("User-Agent: pplsip\r\n")),
        drops("nmap", Scanner, &signed("To: <sip:nm2@nm2>\r\n")),
        passes("signature_too_late", Options, &late()),
        passes("friendly_people", Options, &signed("From: \"Friendly Pizza\"<sip:1@x>;tag=1\r\n")),
        drops("scanner_stays_one", Scanner, &from_stranger(invite())).after(vec![first]),
    ]
}

/// So many INVITEs, each from a host of its own.
fn strangers(count: u64) -> Vec<Vec<u8>> {
    let from = |number| from_stranger(invite()).with(|packet| packet.source.0 = [198, 18, 0, number]);
    (1..=u8::try_from(count).unwrap_or(u8::MAX)).map(|number| from(number).build()).collect()
}

fn rates() -> Vec<ShieldCase> {
    let of_one = |count: u64| (0..count).map(|_| from_stranger(invite()).build()).collect::<Vec<_>>();
    let host_v6 = |host| {
        from_v6(invite()).with(|p| {
            p.v6 = p.v6.map(|[mut from, to]| {
                from[15] = host;
                [from, to]
            })
        })
    };
    let of_network =
        (1..=u8::try_from(OF_ONE).unwrap_or(u8::MAX)).map(|host| host_v6(host).build()).collect();
    let options = || from_stranger(request("OPTIONS sip:10.0.0.1", ""));
    vec![
        passes("last_of_its_rate", Invite, &from_stranger(invite())).after(of_one(OF_ONE - 1)),
        drops("one_above_its_rate", SourceRate, &from_stranger(invite())).after(of_one(OF_ONE)),
        drops("its_rate_is_for_all_methods", SourceRate, &options()).after(of_one(OF_ONE)),
        drops("a_network_of_ipv6_is_one_host", SourceRate, &host_v6(99)).after(of_network),
        passes("another_host_has_its_own", Invite, &strangers_next(1)).after(of_one(OF_ONE)),
        drops("above_the_rate_of_all", ClassRate, &from_stranger(invite())).after(strangers(OF_ALL)),
        passes("another_method_has_its_own", Options, &options()).after(strangers(OF_ALL)),
        passes("trunk_in_a_flood", Trusted, &from_trunk(invite())).after(strangers(OF_ALL + 3)),
        passes("garbage_takes_nothing", Invite, &from_stranger(invite())).after(vec![
            from_stranger(vec![
                0xff;
                40
            ])
            .build();
            9
        ]),
    ]
}

fn strangers_next(number: u8) -> Packet {
    from_stranger(invite()).with(|packet| packet.source.0 = [198, 18, 1, number])
}

fn streams() -> Vec<ShieldCase> {
    let syn = |port| segment(STRANGER, port, SYN);
    let drop_unknown = || ShieldScene::guarded().with(|scene| scene.unknown = UNKNOWN_DROP);
    vec![
        passes("connection", Connection, &syn(SIP_PORT)),
        passes("segment", Segment, &segment(STRANGER, SIP_PORT, ACK)),
        passes("syn_ack_opens_nothing", Segment, &segment(STRANGER, SIP_PORT, SYN | ACK)),
        passes("segments_are_a_part_of_a_message", Segment, &segment(STRANGER, SIP_PORT, ACK))
            .after(vec![segment(STRANGER, SIP_PORT, ACK).build(); 4]),
        drops("connection_above_its_rate", SourceRate, &syn(SIP_PORT)).after(vec![syn(SIP_PORT).build(); 3]),
        drops("unknown_connection", Unknown, &syn(SIP_PORT)).of(drop_unknown()),
        passes("certificates_let_anybody_begin", Connection, &syn(SIPS_PORT)).of(drop_unknown()),
    ]
}

/// Where passwords decide, and strangers are dropped elsewhere.
fn passwords() -> Vec<ShieldCase> {
    let visited_from = |net: [u8; 4], bits: u32| {
        ShieldScene::guarded().with(|scene| {
            scene.unknown = UNKNOWN_DROP;
            let of_sip = scene.listeners.iter_mut().filter(|(key, _)| key.port == SIP_PORT);
            of_sip.for_each(|(_, listener)| listener.flags |= LISTENER_PASSWORDS);
            scene.trusted.push((visited(REALM), Address::v4(net), 96 + bits));
        })
    };
    let anywhere = || visited_from([0; 4], 0);
    let (near, far) = (|| visited_from([203, 0, 113, 0], 24), || visited_from([198, 18, 0, 0], 15));
    let syn = |port| segment(STRANGER, port, SYN);
    let invites = || from_stranger(invite());
    vec![
        passes("passwords_let_anybody_ask", Invite, &invites()).of(anywhere()),
        passes("passwords_over_connections", Connection, &syn(SIP_PORT)).of(anywhere()),
        drops("passwords_of_ipv4_only", Unknown, &from_v6(invite())).of(anywhere()),
        passes("passwords_from_here", Invite, &invites()).of(near()),
        drops("passwords_from_elsewhere", Unknown, &invites()).of(far()),
        drops("passwords_at_another_listener", Unknown, &invites()).of(near().with(|scene| {
            scene.listeners.iter_mut().for_each(|(_, listener)| listener.flags &= LISTENER_CERTIFICATES);
        })),
        drops("who_may_ask_is_limited", SourceRate, &invites()).of(near()).after(vec![invites().build(); 3]),
        drops("who_may_ask_is_no_trunk", Garbage, &from_stranger(vec![0xff; 40])).of(near()),
    ]
}

fn fragments() -> Vec<ShieldCase> {
    let fragment = |fragment| from_stranger(invite()).with(|p| p.fragment = fragment);
    let later = || fragment(0x0010);
    let behind = |headers: &[u8], next: u8| {
        from_v6(invite()).with(|p| (p.protocol, p.options) = (next, headers.to_vec()))
    };
    let unattributed = |count: usize| vec![later().build(); count];
    let of_all = usize::try_from(OF_ALL).unwrap_or(0);
    vec![
        drops("first_fragment", Fragment, &fragment(0x2000)),
        passes("later_fragment", LaterFragment, &later()),
        passes("later_fragment_is_anybodys", LaterFragment, &later())
            .of(ShieldScene::guarded().with(|scene| scene.unknown = UNKNOWN_DROP)),
        drops("later_fragments_above_their_rate", FragmentRate, &later()).after(unattributed(of_all)),
        drops("first_fragment_of_ipv6", Fragment, &behind(&[17, 0, 0, 1, 0, 0, 0, 9], 44)),
        passes("later_fragment_of_ipv6", LaterFragment, &behind(&[17, 0, 0, 0x41, 0, 0, 0, 9], 44)),
        drops("destination_options", ExtensionHeaders, &behind(&[17, 0, 1, 4, 0, 0, 0, 0], 60)),
        drops("options_in_a_fragment", ExtensionHeaders, &behind(&[60, 0, 0, 1, 0, 0, 0, 9], 44)),
    ]
}

fn modes() -> Vec<ShieldCase> {
    let scene = |change: fn(&mut ShieldScene)| ShieldScene::guarded().with(change);
    let spared = |name, reason, sent: &Packet, change: fn(&mut ShieldScene)| {
        case(name, scene(change), sent, ShieldVerdict::Spare(reason))
    };
    let denied = ShieldScene::guarded().listing(STRANGER, 32, LIST_DENY, 0);
    vec![
        passes("off", Off, &from_stranger(vec![0xff; 40])).of(scene(|scene| scene.mode = MODE_OFF)),
        spared("shadow", Garbage, &from_stranger(vec![0xff; 40]), |scene| scene.mode = MODE_SHADOW),
        passes("shadow_of_what_passes", Invite, &from_stranger(invite()))
            .of(scene(|scene| scene.mode = MODE_SHADOW)),
        drops("unknown", Unknown, &from_stranger(invite())).of(scene(|scene| scene.unknown = UNKNOWN_DROP)),
        passes("unlimited", Unlimited, &from_stranger(vec![0xff; 40]))
            .of(scene(|scene| scene.unknown = UNKNOWN_PASS)),
        drops("denied_where_all_pass", Denied, &from_stranger(invite()))
            .of(denied.with(|scene| scene.unknown = UNKNOWN_PASS)),
        passes("trunk_where_strangers_are_dropped", Trusted, &from_trunk(invite()))
            .of(scene(|scene| scene.unknown = UNKNOWN_DROP)),
    ]
}
