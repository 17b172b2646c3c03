//! Trunks that are known by their certificates: who may speak for whom, and what our messages say of TLS.

use bytes::Bytes;

use super::standing::{answer, header, pbx_sdp};
use super::{Bench, SDP, invite, request, start};
use crate::edge::Shard;
use crate::policy::{Auth, Host, Listener, ListenerId, Policy, RealmId, Transport, Trunk, TrunkKey};
use crate::transaction::Path;
use crate::{Command, Edge, Input};

/// A bench whose two trunks are carriers' in the outside realm, reached over TLS and known by their certificates.
struct Pair {
    bench: Bench,
    keys: [TrunkKey; 2],
}

/// Both come from one address.
const ADDRESS: &str = "192.0.2.10";

fn pair() -> Pair {
    let certified = |trunk: &mut Trunk, host: &str| {
        let certified = Trunk {
            auth: Auth::Certificate,
            names: vec![format!("{}.example", trunk.name)],
            realm: RealmId::new(0),
            ..trunk.clone()
        };
        *trunk = certified.at(Host::Address { address: host.parse().unwrap(), transport: Transport::Tls });
    };
    let policy = super::policy(
        |trunks, _| {
            certified(&mut trunks[0], "192.0.2.10:5061");
            certified(&mut trunks[1], "192.0.2.20:5061");
        },
        |realms| {
            let address = "192.0.2.1:5061".parse().unwrap();
            realms[0].sip.push(Listener { transport: Transport::Tls, address });
            realms[0].media[0].ports = crate::policy::PortRange::new(20_000, 20_007).unwrap();
        },
    );
    let keys = [0, 1].map(|index| policy.trunks[index].key);
    Pair { bench: of(policy), keys }
}

fn of(policy: Policy) -> Bench {
    let now = start();
    Bench {
        edge: Edge::new(policy.into(), Shard { index: 0, count: 1 }, now, [7; 32]),
        now,
        began: now,
        unreachable: None,
        journal: Default::default(),
        writes: 0,
        tones: Vec::new(),
        digits: Vec::new(),
        heard: Default::default(),
        plan: None,
    }
}

fn over(transport: Transport, peer: &str, proven: Option<TrunkKey>) -> Path {
    let index = u16::from(transport == Transport::Tls);
    let listener = ListenerId { realm: RealmId::new(0), index, transport };
    Path { listener, peer: peer.parse().unwrap(), proven }
}

fn tls(port: u16, proven: Option<TrunkKey>) -> Path {
    over(Transport::Tls, &format!("{ADDRESS}:{port}"), proven)
}

fn take(bench: &mut Bench, path: Path, message: &str) -> Vec<(Path, String)> {
    let mut sent = Vec::new();
    bench.edge.handle(Input::Received { path, bytes: Bytes::from(message.to_owned()) }, bench.now);
    while let Some(command) = bench.edge.poll() {
        match command {
            Command::Send { path, bytes } => sent.push((path, String::from_utf8(bytes.to_vec()).unwrap())),
            Command::InstallMedia { call, .. } => {
                bench.edge.handle(Input::MediaInstalled { call }, bench.now)
            }
            Command::RemoveMedia { call } => {
                bench.edge.handle(Input::MediaRemoved { call, reports: Default::default() }, bench.now);
            }
            Command::UpdateMedia { call, .. } | Command::CheckMedia { call, .. } => {
                bench.edge.handle(Input::MediaAccepted { call }, bench.now);
            }
            Command::PlayTone { .. } | Command::StopTone { .. } | Command::ListenTo { .. } => {}
            Command::WriteRecord(_)
            | Command::Journal { .. }
            | Command::Forget { .. }
            | Command::Judge { .. }
            | Command::SendDigit { .. }
            | Command::WithdrawDigit { .. }
            | Command::Drained => {}
        }
    }
    sent
}

/// A standing call, the caller on the connection from `port`: the 200 that the caller got, and the INVITE that the
/// called side got.
fn standing(pair: &mut Pair, port: u16) -> (String, String) {
    let [caller, called] = pair.keys;
    let sent = take(&mut pair.bench, tls(port, Some(caller)), &invite(1));
    let (_, offer) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().clone();
    let ok = answer(&offer, "200 OK", "b", "192.0.2.20:5061;transport=tls", &pbx_sdp());
    let sent = take(&mut pair.bench, over(Transport::Tls, "192.0.2.20:5061", Some(called)), &ok);
    let (_, ok) = sent.into_iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap();
    (ok, offer)
}

/// A request of the caller within the call.
fn within(method: &str, sequence: u32, ok: &str) -> String {
    let tag = header(ok, "To:").split("tag=").nth(1).unwrap();
    request(method, "sip:192.0.2.1:5061", 2, "", "")
        .replace("Call-ID: 2@", "Call-ID: 1@")
        .replace(";tag=a2", ";tag=a1")
        .replace("To: <sip:192.0.2.1:5061>", &format!("To: <sip:+442071838750@192.0.2.1>;tag={tag}"))
        .replace("CSeq: 1", &format!("CSeq: {sequence}"))
}

#[test]
fn our_messages_name_tls_and_let_who_is_proven_use_their_connection() {
    let mut pair = pair();
    let [caller, called] = pair.keys;
    let sent = take(&mut pair.bench, tls(40_000, Some(caller)), &invite(1));
    let (path, out) = &sent[1];
    assert_eq!(*path, over(Transport::Tls, "192.0.2.20:5061", Some(called)), "who must be at the other end");
    let via = header(out, "Via:");
    assert!(via.starts_with("SIP/2.0/TLS 192.0.2.1:5061;") && via.ends_with(";alias"), "{via}");
    assert_eq!(header(out, "Contact:"), "<sip:192.0.2.1:5061;transport=tls>");
}

#[test]
fn a_secure_uri_is_answered_with_a_secure_contact() {
    let mut pair = pair();
    let asked = invite(1).replace("sip:+442071838750@", "sips:+442071838750@");
    let [caller, called] = pair.keys;
    let sent = take(&mut pair.bench, tls(40_000, Some(caller)), &asked);
    let ringing = answer(&sent[1].1, "180 Ringing", "b", "192.0.2.20:5061", "");
    let sent = take(&mut pair.bench, over(Transport::Tls, "192.0.2.20:5061", Some(called)), &ringing);
    assert_eq!(header(&sent[0].1, "Contact:"), "<sips:192.0.2.1:5061>");
}

#[test]
fn the_certificate_says_who_it_is_and_the_address_does_not() {
    let mut pair = pair();
    let nobody = [
        tls(40_000, None),
        over(Transport::Tls, "192.0.2.20:5061", None),
        over(Transport::Udp, "192.0.2.10:5061", None),
    ];
    for path in nobody {
        assert_eq!(take(&mut pair.bench, path, &invite(1)), [], "{path:?}");
    }
    assert_eq!(pair.bench.edge.counters().strangers, 3);
    let anywhere = over(Transport::Tls, "203.0.113.7:1", Some(pair.keys[0]));
    assert_eq!(take(&mut pair.bench, anywhere, &invite(1)).len(), 2, "100 to it, INVITE to the other");
}

#[test]
fn a_trunk_has_no_say_in_the_calls_of_another_that_shares_its_address() {
    let mut pair = pair();
    let [caller, called] = pair.keys;
    let (ok, _) = standing(&mut pair, 40_000);
    let sent = take(&mut pair.bench, tls(40_000, Some(called)), &within("BYE", 2, &ok));
    assert!(sent[0].1.starts_with("SIP/2.0 481 "), "{sent:?}");
    let sent = take(&mut pair.bench, tls(40_001, Some(caller)), &within("BYE", 2, &ok));
    assert!(
        sent.iter().any(|(_, text)| text.starts_with("SIP/2.0 200 ")),
        "from any connection of its own: {sent:?}"
    );
    assert!(
        sent.iter().any(|(path, text)| text.starts_with("BYE ") && path.proven == Some(called)),
        "{sent:?}"
    );
}

#[test]
fn a_transaction_belongs_to_who_is_proven_wherever_it_sends_from() {
    let mut pair = pair();
    let [caller, called] = pair.keys;
    let first = take(&mut pair.bench, tls(40_000, Some(caller)), &invite(1));
    let again = over(Transport::Tls, "192.0.2.11:40001", Some(caller));
    assert!(
        take(&mut pair.bench, again, &invite(1)).iter().all(|(_, text)| text.starts_with("SIP/2.0 100 "))
    );
    let cancel = request("CANCEL", "sip:+442071838750@192.0.2.1", 1, "", "");
    let sent = take(&mut pair.bench, tls(40_000, Some(called)), &cancel);
    assert!(sent[0].1.starts_with("SIP/2.0 481 "), "another's: {sent:?} {first:?}");
    let sent = take(&mut pair.bench, tls(40_002, Some(caller)), &cancel);
    assert!(sent[0].1.starts_with("SIP/2.0 200 "), "{sent:?}");
}

#[test]
fn requests_go_to_the_peer_s_contact_at_the_port_of_tls() {
    let mut pair = pair();
    let offer = invite(1).replace("<sip:192.0.2.10:5060>\r\nMax", "<sips:192.0.2.10>\r\nMax");
    assert!(offer.contains("<sips:192.0.2.10>") && offer.ends_with(SDP));
    let [caller, called] = pair.keys;
    let sent = take(&mut pair.bench, tls(40_000, Some(caller)), &offer);
    let called_side = over(Transport::Tls, "192.0.2.20:5061", Some(called));
    let ok = answer(&sent[1].1, "200 OK", "b", "192.0.2.20:5061", &pbx_sdp());
    let answered = take(&mut pair.bench, called_side, &ok);
    let (_, ok) = answered.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap();
    take(&mut pair.bench, tls(40_000, Some(caller)), &within("ACK", 1, ok));
    let from = header(&sent[1].1, "From:").to_owned();
    let bye = format!(
        "BYE sip:x@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.20;branch=z9hG4bKbye\r\nFrom: {};tag=b\r\n\
         To: {from}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
        header(&sent[1].1, "To:"),
        header(&sent[1].1, "Call-ID:"),
    );
    let sent = take(&mut pair.bench, called_side, &bye);
    let (path, out) = sent.iter().find(|(_, text)| text.starts_with("BYE ")).unwrap();
    assert_eq!(path.peer.to_string(), "192.0.2.10:5061");
    assert!(out.starts_with("BYE sips:192.0.2.10 SIP/2.0"), "{out}");
}
