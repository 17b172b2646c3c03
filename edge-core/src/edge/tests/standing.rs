//! A call that stands, and what peers can do to it that no honest simulator does.

use super::*;

pub(super) const CARRIER: &str = "192.0.2.10:5060";
pub(super) const PBX: &str = "10.0.0.20:5060";

pub(super) fn header<'a>(message: &'a str, name: &str) -> &'a str {
    message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

/// A response to a request of the edge's, with this To tag and Contact.
pub(super) fn answer(request: &str, code: &str, tag: &str, contact: &str, body: &str) -> String {
    let to = header(request, "To:");
    let tag = if to.contains("tag=") { String::new() } else { format!(";tag={tag}") };
    format!(
        "SIP/2.0 {code}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:{contact}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        header(request, "Via:"),
        header(request, "From:"),
        header(request, "Call-ID:"),
        header(request, "CSeq:"),
        body.len()
    )
}

pub(super) fn pbx_sdp() -> String {
    SDP.replace("192.0.2.10", "10.0.0.20")
}

/// A standing call: the INVITE that the PBX got, and the 200 that the carrier got.
pub(super) struct Standing {
    pub(super) bench: Bench,
    pub(super) invite: String,
    pub(super) ok: String,
}

impl Standing {
    pub(super) fn with_contacts(carrier: &str, pbx: &str) -> Self {
        Self::in_bench(Bench::new(|_, _| {}), carrier, pbx)
    }

    fn in_bench(mut bench: Bench, carrier: &str, pbx: &str) -> Self {
        let offer = invite(1).replace("<sip:192.0.2.10:5060>\r\nMax", &format!("<sip:{carrier}>\r\nMax"));
        let (sent, _) = bench.receive(CARRIER, &offer);
        let invite = sent[1].1.clone();
        let (sent, _) = bench.receive(PBX, &answer(&invite, "200 OK", "b", pbx, &pbx_sdp()));
        let ok = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1.clone();
        let standing = Self { bench, invite, ok };
        standing.acknowledged()
    }

    pub(super) fn with(bench: Bench) -> Self {
        Self::in_bench(bench, CARRIER, PBX)
    }

    pub(super) fn new() -> Self {
        Self::with_contacts(CARRIER, PBX)
    }

    pub(super) fn acknowledged(mut self) -> Self {
        let ack = self.by_carrier("ACK", 1, "");
        assert_eq!(self.bench.receive(CARRIER, &ack), (vec![], vec![]));
        self
    }

    pub(super) fn by_carrier(&self, method: &str, sequence: u32, body: &str) -> String {
        in_dialog(
            method,
            sequence,
            header(&self.ok, "From:"),
            header(&self.ok, "To:"),
            "1@192.0.2.10",
            CARRIER,
            body,
        )
    }

    pub(super) fn by_pbx(&self, method: &str, sequence: u32, body: &str) -> String {
        let to = format!("{};tag=b", header(&self.invite, "To:"));
        in_dialog(
            method,
            sequence,
            &to,
            header(&self.invite, "From:"),
            header(&self.invite, "Call-ID:"),
            PBX,
            body,
        )
    }

    /// Lets time go by, and gives what the edge sent meanwhile.
    pub(super) fn wait(&mut self, seconds: u64) -> Vec<(SocketAddr, String)> {
        let end = self.bench.now + Duration::from_secs(seconds);
        let mut sent = Vec::new();
        while let Some(next) = self.bench.edge.next_deadline().filter(|next| *next <= end) {
            self.bench.now = self.bench.now.max(next);
            self.bench.edge.handle(Input::TimeElapsed, self.bench.now);
            while let Some(command) = self.bench.edge.poll() {
                if let Command::Send { path, bytes } = command {
                    sent.push((path.peer, String::from_utf8(bytes.to_vec()).unwrap()));
                }
            }
        }
        self.bench.now = end;
        sent
    }
}

pub(super) fn in_dialog(
    method: &str,
    sequence: u32,
    from: &str,
    to: &str,
    call_id: &str,
    host: &str,
    body: &str,
) -> String {
    format!(
        "{method} sip:edge SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{method}{sequence};rport\r\nFrom: {from}\r\n\
         To: {to}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\nContact: <sip:{host}>\r\nMax-Forwards: 70\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(super) fn peers(sent: &[(SocketAddr, String)]) -> Vec<String> {
    sent.iter().map(|(peer, _)| peer.to_string()).collect()
}

#[test]
fn a_hang_up_crosses_and_both_sides_hear_it() {
    let mut call = Standing::new();
    let bye = call.by_pbx("BYE", 1, "");
    let (sent, _) = call.bench.receive(PBX, &bye);
    assert_eq!(statuses(&sent)[0], "SIP/2.0 200 OK");
    assert!(statuses(&sent)[1].starts_with("BYE "));
    assert_eq!(peers(&sent), [PBX, CARRIER]);
}

#[test]
fn a_contact_elsewhere_does_not_move_the_dialog() {
    for elsewhere in ["127.0.0.1:6379", "203.0.113.77:53", "192.0.2.1:5060", "host.example"] {
        let mut call = Standing::with_contacts(elsewhere, elsewhere);
        let bye = call.by_pbx("BYE", 1, "");
        assert_eq!(peers(&call.bench.receive(PBX, &bye).0), [PBX, CARRIER], "{elsewhere}");
    }
}

#[test]
fn behind_a_nat_even_a_known_contact_is_not_where_requests_go() {
    let behind = |nat: bool| {
        let bench = Bench::new(|trunks, _| trunks.iter_mut().for_each(|trunk| trunk.nat = nat));
        let mut standing = Standing::in_bench(bench, "192.0.2.10:5099", "10.0.0.20:5099");
        let bye = standing.by_pbx("BYE", 2, "");
        peers(&standing.bench.receive(PBX, &bye).0)
    };
    assert!(behind(false).contains(&"192.0.2.10:5099".to_owned()));
    assert!(behind(true).contains(&CARRIER.to_owned()));
}

#[test]
fn other_forks_are_hung_up_but_not_without_end() {
    let mut call = Standing::new();
    let mut sent = 0;
    for fork in 0..100 {
        let ok = answer(&call.invite, "200 OK", &format!("fork{fork}"), "203.0.113.77", &pbx_sdp());
        let (messages, _) = call.bench.receive(PBX, &ok);
        assert!(messages.iter().all(|(peer, _)| peer.to_string() == PBX), "{messages:?}");
        sent += messages.len();
    }
    assert_eq!(sent, 16, "an ACK and a BYE for each of eight forks");
    assert!(call.bench.edge.counters().transactions_open < 16);
}

#[test]
fn a_200_that_comes_again_is_acknowledged_again_and_answers_nothing_else() {
    let mut call = Standing::new();
    let hold = call.by_carrier("INVITE", 2, &format!("{SDP}a=sendonly\r\n"));
    let (sent, _) = call.bench.receive(CARRIER, &hold);
    assert!(sent[1].1.starts_with("INVITE ") && sent[1].1.contains("a=sendonly"), "{sent:?}");

    let stale = answer(&call.invite, "200 OK", "b", PBX, &pbx_sdp());
    let (sent, _) = call.bench.receive(PBX, &stale);
    let [(_, ack)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(header(ack, "CSeq:"), "1 ACK");
}

#[test]
fn a_change_that_is_never_answered_is_given_up() {
    for cancelled in [false, true] {
        let mut call = Standing::new();
        let hold = call.by_carrier("INVITE", 2, SDP);
        let (sent, _) = call.bench.receive(CARRIER, &hold);
        let reinvite = sent[1].1.clone();
        call.bench.receive(PBX, &answer(&reinvite, "100 Trying", "b", PBX, ""));
        if cancelled {
            let cancel = call.by_carrier("CANCEL", 2, "").replace("z9hG4bKCANCEL2", "z9hG4bKINVITE2");
            let (sent, _) = call.bench.receive(CARRIER, &cancel);
            assert!(statuses(&sent)[1].starts_with("CANCEL "), "{sent:?}");
        }
        let sent = call.wait(300);
        let finals: Vec<&str> =
            statuses(&sent).into_iter().filter(|line| line.starts_with("SIP/2.0 4")).collect();
        let expected =
            if cancelled { "SIP/2.0 487 Request Terminated" } else { "SIP/2.0 408 Request Timeout" };
        assert_eq!(finals.first(), Some(&expected));
        // A side that says nothing has lost the call (RFC 3261 section 12.2.1.2); a change withdrawn leaves it.
        assert_eq!(statuses(&sent).iter().any(|line| line.starts_with("BYE ")), !cancelled);
    }
}

#[test]
fn a_cancel_means_only_its_own_invite() {
    let mut call = Standing::new();
    let hold = call.by_carrier("INVITE", 2, SDP);
    call.bench.receive(CARRIER, &hold);
    let old = call.by_carrier("CANCEL", 1, "").replace("z9hG4bKCANCEL1", "z9hG4bK1");
    let (sent, _) = call.bench.receive(CARRIER, &old);
    assert_eq!(statuses(&sent), ["SIP/2.0 200 OK"]);
}

#[test]
fn a_caller_who_hangs_up_instead_of_answering_leaves_no_200_unacknowledged() {
    let mut bench = Bench::new(|_, _| {});
    let without_offer = invite(1).replace(SDP, "").replace(&format!("Length: {}", SDP.len()), "Length: 0");
    let (sent, _) = bench.receive(CARRIER, &without_offer);
    let invite = sent[1].1.clone();
    let (sent, _) = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
    let ok = &sent[0].1;
    let bye = in_dialog("BYE", 2, header(ok, "From:"), header(ok, "To:"), "1@192.0.2.10", CARRIER, "");
    let (sent, _) = bench.receive(CARRIER, &bye);
    let lines = statuses(&sent);
    assert!(lines[1].starts_with("ACK ") && lines[2].starts_with("BYE "), "{lines:?}");
}

#[test]
fn nothing_that_names_a_host_crosses() {
    let mut bench = Bench::new(|_, _| {});
    let telling = invite(1)
        .replace(
            "\"Ann\" <sip:+15550001@",
            "\"Ann sbc7.carrier.example\" <sip:+15550001;tgrp=TG1;trunk-context=sbc7.carrier.example@",
        )
        .replace("AVP 8 0\r\n", "AVP 8 0\r\na=fmtp:8 host=192.0.2.10\r\n")
        .replace(&format!("Length: {}", SDP.len()), &format!("Length: {}", SDP.len() + 26));
    let (sent, _) = bench.receive(CARRIER, &telling);
    let invite = &sent[1].1;
    assert!(invite.contains("From: <sip:+15550001@10.0.0.1:5060>"), "{invite}");
    for telltale in ["192.0.2.", "sbc7", "carrier.example", "tgrp"] {
        assert!(!invite.contains(telltale), "{telltale} in {invite}");
    }
    let (sent, _) = bench.receive(PBX, &answer(invite, "480 Asterisk on pbxone is stopping", "b", PBX, ""));
    assert!(statuses(&sent).contains(&"SIP/2.0 480 Temporarily Unavailable"), "{sent:?}");
}

#[test]
fn a_dialled_number_cannot_add_parameters() {
    let mut bench = Bench::new(|_, _| {});
    let sly = invite(1).replace("+442071838750", "+4420%3Bphone-context=evil%3Fx");
    let (sent, _) = bench.receive(CARRIER, &sly);
    assert!(sent[1].1.starts_with("INVITE sip:020%3Bphone-context%3Devil%3Fx@10.0.0.20 "), "{}", sent[1].1);
}

#[test]
fn what_speaks_of_our_request_is_not_told_to_the_caller() {
    for (heard, told) in [
        ("486 Busy Here", "486 Busy Here"),
        ("603 Decline", "603 Decline"),
        ("302 Moved Temporarily", "500 Server Internal Error"),
        ("407 Proxy Authentication Required", "500 Server Internal Error"),
        ("421 Extension Required", "500 Server Internal Error"),
        ("503 Service Unavailable", "500 Server Internal Error"),
    ] {
        let mut bench = Bench::new(|_, _| {});
        let (sent, _) = bench.receive(CARRIER, &invite(1));
        let (sent, _) = bench.receive(PBX, &answer(&sent[1].1, heard, "b", PBX, ""));
        assert_eq!(statuses(&sent).last(), Some(&format!("SIP/2.0 {told}").as_str()), "{heard}");
    }
}

#[test]
fn another_trunk_of_the_same_network_has_no_say_in_a_call() {
    const NEIGHBOUR: &str = "192.0.2.20:5060";
    let mut bench = Bench::new(|trunks, _| {
        trunks[1] = trunk("neighbour", 0, NEIGHBOUR);
    });
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let (sent, _) = bench.receive(NEIGHBOUR, &answer(&sent[1].1, "200 OK", "b", NEIGHBOUR, SDP));
    let ok = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1.clone();
    let bye = in_dialog("BYE", 2, header(&ok, "From:"), header(&ok, "To:"), "1@192.0.2.10", NEIGHBOUR, "");
    let (sent, _) = bench.receive(NEIGHBOUR, &bye);
    assert_eq!(statuses(&sent), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
}

#[test]
fn room_on_a_trunk_is_free_when_the_call_ends_even_if_a_peer_never_answers() {
    let mut call = Standing::new();
    let bye = call.by_carrier("BYE", 2, "");
    call.bench.receive(CARRIER, &bye);
    assert_eq!(call.bench.edge.policy.trunk(TrunkId::new(1)).usage.calls(), 0);
}

#[test]
fn a_change_that_cannot_be_relayed_is_refused_and_the_call_goes_on() {
    for address in ["IP6 2001:db8::1", "IP4 10.0.0.1", "IP4 127.0.0.1"] {
        let mut call = Standing::new();
        let sdp = SDP.replace("c=IN IP4 192.0.2.10", &format!("c=IN {address}"));
        let change = call.by_carrier("INVITE", 2, &sdp);
        let (sent, records) = call.bench.receive(CARRIER, &change);
        assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 488 Not Acceptable Here"), "{address}");
        assert!(sent.iter().all(|(peer, _)| peer.to_string() == CARRIER), "{address} crossed");
        assert_eq!((records.len(), call.bench.edge.counters().calls_standing), (0, 1));
    }
}

#[test]
fn an_answer_that_cannot_be_relayed_is_no_answer_to_the_caller() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let useless = SDP.replace("192.0.2.10", "192.0.2.1");
    let (sent, _) = bench.receive(PBX, &answer(&sent[1].1, "200 OK", "b", PBX, &useless));
    let lines = statuses(&sent);
    assert!(lines.contains(&"SIP/2.0 500 Server Internal Error"), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("ACK "))
            && lines.iter().any(|line| line.starts_with("BYE "))
    );
    assert!(!lines.contains(&"SIP/2.0 200 OK"), "{lines:?}");
}
