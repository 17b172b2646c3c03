//! What a request asks for that nobody here understands, and copies and loops of one that was understood.

use super::*;
use crate::edge::tests::standing::{CARRIER, PBX, answer, header, pbx_sdp};
use crate::policy::NumberMatch;

/// A header in front of Max-Forwards.
fn with(header: &str) -> String {
    invite(1).replace("Max-Forwards", &format!("{header}\r\nMax-Forwards"))
}

/// What is wrong, the request, what it hears and what must be said with it.
fn refusals() -> Vec<(&'static str, String, &'static str, &'static str)> {
    let options = |headers: &str| request("OPTIONS", "sip:192.0.2.1", 1, headers, "");
    vec![
        ("scheme", invite(1).replace("sip:+44", "nobody:+44"), "416 Unsupported URI Scheme", "Allow: "),
        ("proxy-require", with("Proxy-Require: foo"), "420 Bad Extension", "Unsupported: foo\r\n"),
        ("require", with("Require: nothing, 1"), "420 Bad Extension", "Unsupported: nothing, 1\r\n"),
        ("require of OPTIONS", options("Require: foo\r\n"), "420 Bad Extension", "Unsupported: foo\r\n"),
        ("scheme of OPTIONS", request("OPTIONS", "nobody:x", 1, "", ""), "416 Unsupported URI Scheme", ""),
        ("no answer", with("Accept: text/plain"), "406 Not Acceptable", ""),
        ("any answer", with("Accept: text/plain, Application/* ;q=0.5"), "100 Trying", ""),
        ("no extension", options(""), "200 OK", "Accept: application/sdp\r\n"),
        (
            "encoding",
            with("Content-Encoding: gzip"),
            "415 Unsupported Media Type",
            "Accept-Encoding: identity\r\n",
        ),
        ("no encoding", with("Content-Encoding: Identity"), "100 Trying", ""),
        (
            "disposition",
            with("Content-Disposition: icon"),
            "415 Unsupported Media Type",
            "Accept: application/sdp, multipart/mixed, ",
        ),
        ("session", with("Content-Disposition: Session ;handling=required"), "100 Trying", ""),
        ("version", invite(1).replacen("SIP/2.0", "SIP/7.0", 1), "505 Version Not Supported", ""),
        ("method nobody knows", invite(1).replace("INVITE", "NEWMETHOD"), "501 Not Implemented", "Allow: "),
        ("method of others", invite(1).replace("INVITE", "PUBLISH"), "405 Method Not Allowed", "Allow: "),
        ("body of nobody's", invite(1).replace("INVITE", "BYE"), "481 Call/Transaction Does Not Exist", ""),
    ]
}

#[test]
fn what_is_not_understood_hears_what_would_be() {
    for (name, message, status, said) in refusals() {
        let mut bench = Bench::new(|_, _| {});
        let (sent, _) = bench.receive(CARRIER, &message);
        let to_carrier: Vec<&String> =
            sent.iter().filter(|(peer, _)| peer.to_string() == CARRIER).map(|(_, text)| text).collect();
        let last = to_carrier.last().unwrap_or_else(|| panic!("{name}: no answer"));
        assert!(last.starts_with(&format!("SIP/2.0 {status}\r\n")), "{name}: {last}");
        assert!(last.contains(said), "{name}: {last}");
    }
}

#[test]
fn an_optional_body_that_nobody_understands_is_passed_over() {
    for kind in ["text/plain", "application/sdp"] {
        let optional = format!("Content-Type: {kind}\r\nContent-Disposition: icon ; Handling=Optional");
        let mut bench = Bench::new(|_, _| {});
        let message = invite(1).replace("Content-Type: application/sdp", &optional);
        let (sent, _) = bench.receive(CARRIER, &message);
        let onward = &sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().1;
        assert!(onward.ends_with("Content-Length: 0\r\n\r\n"), "no offer crosses: {onward}");
    }
}

#[test]
fn a_copy_that_came_another_way_hears_482_while_the_call_lasts() {
    let mut bench = Bench::new(|trunks, _| trunks[0].sources = vec!["192.0.2.0/28".parse().unwrap()]);
    bench.receive(CARRIER, &invite(1));
    for (from, branch) in
        [(CARRIER, "z9hG4bKother"), ("192.0.2.11:5060", "z9hG4bK1"), ("192.0.2.11:5060", "z9hG4bKx")]
    {
        let copy = invite(1).replace("z9hG4bK1", branch);
        let (sent, records) = bench.receive(from, &copy);
        assert_eq!(statuses(&sent), ["SIP/2.0 482 Loop Detected"], "{from} {branch}");
        assert_eq!(records, []);
        // Said again, and the same, when it comes again.
        assert_eq!(bench.receive(from, &copy).0, sent);
        // Its ACK, and a CANCEL of the copy, change nothing.
        assert_eq!(bench.receive(from, &copy.replace("INVITE", "ACK")).0, []);
        let (sent, _) = bench.receive(from, &copy.replace("INVITE", "CANCEL"));
        assert_eq!(statuses(&sent), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    }
    let counters = bench.edge.counters();
    assert_eq!((counters.merged_requests, counters.calls_standing), (6, 1));
    // With other credentials it is another try (RFC 3261 section 22.2): a higher CSeq.
    let again = invite(1).replace("z9hG4bK1", "z9hG4bK2").replace("CSeq: 1 ", "CSeq: 2 ");
    assert_eq!(statuses(&bench.receive(CARRIER, &again).0)[0], "SIP/2.0 100 Trying");
}

#[test]
fn a_second_try_after_a_refusal_is_no_copy() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1).replace("Forwards: 70", "Forwards: 0"));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 483 Too Many Hops"));
    let (sent, _) = bench.receive(CARRIER, &invite(1).replace("z9hG4bK1", "z9hG4bK2"));
    assert_eq!(statuses(&sent)[0], "SIP/2.0 100 Trying");
}

#[test]
fn a_trunk_cannot_take_the_place_of_anothers_invite() {
    let mut bench = Bench::new(|trunks, _| {
        trunks[1] = trunk("neighbour", 0, "192.0.2.20:5060");
    });
    bench.receive("192.0.2.20:5060", &invite(1));
    assert_eq!(statuses(&bench.receive(CARRIER, &invite(1)).0)[0], "SIP/2.0 100 Trying");
}

/// A bench whose trunks reach each other with any number, as it was dialled.
fn both_ways() -> Bench {
    let bench = Bench::new(|_, _| {});
    let route = |from: usize, to: usize| {
        Route::new(
            &format!("{from} to {to}"),
            vec![TrunkId::new(from)],
            NumberMatch::Prefix(String::new()),
            TrunkId::new(to),
        )
    };
    let old = &bench.edge.policy;
    let trunks = old.trunks.iter().map(|trunk| Trunk::clone(trunk)).collect();
    let wide = |realm: &Realm| Realm {
        media: realm
            .media
            .iter()
            .map(|range| MediaRange { ports: PortRange::new(20_000, 20_063).unwrap(), ..*range })
            .collect(),
        ..realm.clone()
    };
    let policy = Policy::new(
        "t".to_owned(),
        old.realms.iter().map(wide).collect(),
        trunks,
        vec![route(0, 1), route(1, 0)],
        Strangers::Silent,
        CallTimers::default(),
    );
    let edge = Edge::new(Arc::new(policy.unwrap()), Shard { index: 0, count: 1 }, bench.now, [7; 32]);
    Bench { edge, ..bench }
}

/// What a proxy that relays media makes of a request of ours: one Via more, and another number if it wants. (What it
/// makes of SDP that names our own ports, without media of its own, is refused: they cannot be relayed to each other.)
fn proxied(request: &str, proxy: &str, branch: u32, number: Option<&str>) -> String {
    let via = format!("Via: SIP/2.0/UDP {proxy};branch=z9hG4bKproxy{branch}\r\nVia:");
    let ip = proxy.split(':').next().unwrap();
    let media = format!("IN IP4 {ip}\r\n");
    let through = ["IN IP4 10.0.0.1\r\n", "IN IP4 192.0.2.1\r\n"]
        .iter()
        .fold(request.replacen("Via:", &via, 1), |text, ours| text.replace(ours, &media));
    let length = through.split("\r\n\r\n").nth(1).unwrap().len();
    let old_length = header(&through, "Content-Length:").to_owned();
    let through = through.replace(&format!("Length: {old_length}"), &format!("Length: {length}"));
    let Some(number) = number else { return through };
    let old = through.split(['@', ':']).nth(1).unwrap().to_owned();
    through.replacen(&old, number, 1)
}

fn onward(sent: &[(SocketAddr, String)]) -> Option<String> {
    sent.iter().map(|(_, text)| text).find(|text| text.starts_with("INVITE ")).cloned()
}

#[test]
fn our_own_invite_that_goes_round_is_stopped() {
    let mut bench = both_ways();
    let mut message = invite(1);
    let mut passes = 0;
    // PBX and carrier both send back what they get, over the other network.
    let last = loop {
        let from = [CARRIER, PBX][passes % 2];
        let (sent, records) = bench.receive(from, &message);
        match onward(&sent) {
            Some(invite) => message = proxied(&invite, [PBX, CARRIER][passes % 2], 1, None),
            None => break (statuses(&sent).last().unwrap().to_string(), records),
        }
        passes += 1;
        assert!(passes < 20, "it goes round for ever");
    };
    assert_eq!(last.0, "SIP/2.0 482 Loop Detected");
    assert_eq!(last.1[0].cause.name(), "loop");
    assert_eq!(passes, 2, "each trunk may ask for the number once");
}

#[test]
fn a_number_that_is_forwarded_comes_back_as_a_call_of_its_own() {
    let mut bench = both_ways();
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let first = onward(&sent).unwrap();
    // The PBX's proxy forwards 750 to a mobile, which is the carrier's.
    let (sent, _) = bench.receive(PBX, &proxied(&first, PBX, 1, Some("+33600000001")));
    let second = onward(&sent).expect("a spiral is a call");
    assert!(second.starts_with("INVITE sip:+33600000001@192.0.2.10 "), "{second}");
    let (sent, _) = bench.receive(CARRIER, &answer(&second, "200 OK", "mobile", CARRIER, SDP));
    let ok = &sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1;
    assert_eq!(header(ok, "Call-ID:"), header(&first, "Call-ID:"), "to whom it came back from");
    // The proxy takes its own Via off.
    let ok = ok.replacen("Via: ", "X: ", 1).replace(header(ok, "Contact:"), &format!("<sip:{PBX}>"));
    let (sent, _) = bench.receive(PBX, &ok.replace(SDP, &pbx_sdp()).replace("10.0.0.1\r\n", "10.0.0.20\r\n"));
    assert!(statuses(&sent).contains(&"SIP/2.0 200 OK"), "{sent:?}");
    assert_eq!(bench.edge.counters().calls_standing, 2);
}

#[test]
fn a_call_does_not_come_back_without_end_even_for_new_numbers() {
    let mut bench = both_ways();
    let mut message = invite(1);
    for pass in 0..20_u32 {
        let from = [CARRIER, PBX][pass as usize % 2];
        let (sent, _) = bench.receive(from, &message);
        let Some(invite) = onward(&sent) else {
            assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 482 Loop Detected"));
            return assert_eq!(pass, 9, "eight spirals");
        };
        let proxy = [PBX, CARRIER][pass as usize % 2];
        message = proxied(&invite, proxy, pass, Some(&format!("+336000000{pass:02}")));
    }
    panic!("it goes round for ever");
}

#[test]
fn a_message_over_a_bound_hears_513_or_nothing_and_is_counted_by_bound() {
    let vias = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n".repeat(70);
    let long = |bytes: usize| with(&format!("Subject: {}", "x".repeat(bytes)));
    let many = |headers: usize| with(&"X: y\r\n".repeat(headers)).replace("X: y\r\n\r\n", "X: y\r\n");
    let large = invite(1).replace(SDP, &format!("{SDP}{}", "a=x:y\r\n".repeat(5000)));
    let large =
        large.replace(&format!("Length: {}", SDP.len()), &format!("Length: {}", SDP.len() + 7 * 5000));
    for (message, answered, counted) in [
        (large, true, "messages_too_large"),
        (many(128), true, "headers_too_many"),
        (many(300), false, "headers_too_many"),
        (long(4_090), true, "headers_too_long"),
        (long(20_000), false, "headers_too_long"),
        (with(vias.trim_end()), true, "vias_too_many"),
        (with(vias.trim_end()).replace("INVITE", "ACK"), false, "vias_too_many"),
    ] {
        let mut bench = Bench::new(|_, _| {});
        let (sent, records) = bench.receive(CARRIER, &message);
        let statuses = statuses(&sent);
        assert_eq!(statuses.len(), usize::from(answered), "{counted}: {statuses:?}");
        assert!(statuses.iter().all(|status| status.starts_with("SIP/2.0 513 ")), "{counted}: {statuses:?}");
        let counters = bench.edge.counters();
        assert!(counters.named().contains(&(counted, 1)), "{counted}: {counters:?}");
        assert_eq!((records.len(), counters.transactions_open), (0, 0));
    }
    let mut bench = Bench::new(|_, _| {});
    assert_eq!(statuses(&bench.receive(CARRIER, &long(4_000)).0)[0], "SIP/2.0 100 Trying");
}
