use std::net::SocketAddr;

use crate::policy::{RealmId, Trunk};
use crate::sdp::{Agreement, Answer, MediaLines, Offer, Origin, Proposal, SdpError, Terms};

const OFFER: &str = "v=0\r\no=phone 71 3 IN IP4 198.51.100.66\r\ns=-\r\nc=IN IP4 198.51.100.66\r\nt=0 0\r\n\
    a=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\r\na=ice-lite\r\na=fingerprint:sha-256 AA\r\n\
    m=audio 30000 RTP/AVP 8 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:18 G729/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=rtcp:30011 IN IP4 198.51.100.67\r\n\
    a=candidate:1 1 UDP 2130706431 198.51.100.66 30000 typ host\r\na=ptime:20\r\na=rtcp-mux\r\n";

fn answer(rest: &str) -> String {
    format!(
        "v=0\r\no=pbx 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n\
         m=audio 20000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n{rest}"
    )
}

const OURS: Origin = Origin {
    address: std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1)),
    session_id: 7,
    version: 2,
};

fn trunk() -> Trunk {
    Trunk::new("", RealmId::new(0), SocketAddr::from(([192, 0, 2, 1], 5060)))
}

fn proposed(trunks: &[Trunk; 2], offer: &str, direct: bool) -> Proposal {
    let terms = Terms::between(&trunks[0], &trunks[1]).directly(direct);
    MediaLines::default().propose(0, Offer::parse(offer.as_bytes()).unwrap(), &terms, |_| Ok(())).unwrap()
}

/// What the leg that answers is offered.
fn offered(proposal: &Proposal) -> String {
    let local = SocketAddr::from(([10, 0, 0, 1], 40_000));
    String::from_utf8(proposal.offer_to(OURS, |_| Some(local)).to_vec()).unwrap()
}

fn agreed(proposal: &Proposal, answer: &str) -> Result<Agreement, SdpError> {
    proposal.agree(&Answer::parse(answer.as_bytes()).unwrap(), |_| Ok(()))
}

/// What the leg that has offered hears.
fn answered(proposal: &Proposal, answer: &str) -> String {
    let agreement = agreed(proposal, answer).unwrap();
    String::from_utf8(agreement.answer_to(OURS, |_| None).to_vec()).unwrap()
}

#[test]
fn the_other_leg_hears_of_address_port_rtcp_and_candidates_as_they_are_in_a_session_of_ours() {
    let told = offered(&proposed(&[trunk(), trunk()], OFFER, true));
    for line in [
        "o=- 7 2 IN IP4 203.0.113.1",
        "c=IN IP4 198.51.100.66",
        "a=ice-lite",
        "m=audio 30000 RTP/AVP 8 18 101",
        "a=rtcp:30011 IN IP4 198.51.100.67",
        "a=ice-ufrag:F7gI",
        "a=ice-pwd:x9cml/YzichV2+XlhiMu8g",
        "a=candidate:1 1 UDP 2130706431 198.51.100.66 30000 typ host",
        "a=rtcp-mux",
    ] {
        assert_eq!(told.lines().filter(|told| *told == line).count(), 1, "{line} in {told}");
    }
    assert!(told.find("a=ice-lite").unwrap() < told.find("m=").unwrap(), "of the whole session: {told}");
    assert!(!told.contains("fingerprint") && !told.contains("10.0.0.1"), "{told}");
}

#[test]
fn what_passes_the_edge_says_nothing_of_the_others_network() {
    let told = offered(&proposed(&[trunk(), trunk()], OFFER, false));
    assert!(!told.contains("198.51.100.") && !told.contains("ice") && !told.contains("candidate"), "{told}");
    assert!(!told.contains("a=rtcp:"), "{told}");
}

#[test]
fn payload_types_and_muxing_are_the_answers_because_nobody_translates() {
    let proposal = proposed(&[trunk(), trunk()], OFFER, true);
    let heard = answered(&proposal, &answer(""));
    assert!(
        heard.contains("m=audio 20000 RTP/AVP 8 96\r\n") && heard.contains("c=IN IP4 10.0.0.9\r\n"),
        "{heard}"
    );
    assert!(!heard.contains("rtcp-mux"), "it has not taken that: {heard}");
    assert!(answered(&proposal, &answer("a=rtcp-mux\r\n")).contains("a=rtcp-mux\r\n"));
    let relayed = answered_through_us(&proposed(&[trunk(), trunk()], OFFER, false));
    assert!(relayed.contains("RTP/AVP 8 101\r\n") && relayed.contains("a=rtcp-mux\r\n"), "{relayed}");
}

fn answered_through_us(proposal: &Proposal) -> String {
    let local = SocketAddr::from(([203, 0, 113, 1], 40_000));
    let agreement = agreed(proposal, &answer("")).unwrap();
    String::from_utf8(agreement.answer_to(OURS, |_| Some(local)).to_vec()).unwrap()
}

#[test]
fn the_operators_codecs_count_and_nothing_is_converted() {
    let mut trunks = [trunk(), trunk()];
    trunks[1].codecs.deny = vec![crate::policy::Codec::new("G729")];
    trunks[1].media.converts_law = true;
    let told = offered(&proposed(&trunks, OFFER, true));
    assert!(told.contains("m=audio 30000 RTP/AVP 8 101\r\n"), "{told}");
    let told = offered(&proposed(&trunks, OFFER, false));
    assert!(told.contains("m=audio 40000 RTP/AVP 8 0 101\r\n"), "{told}");
}

#[test]
fn a_hold_of_the_old_kind_stays_one() {
    let held = OFFER.replace("c=IN IP4 198.51.100.66", "c=IN IP4 0.0.0.0").replace("a=rtcp:30011", "a=x:");
    let told = offered(&proposed(&[trunk(), trunk()], &held, true));
    assert!(told.contains("c=IN IP4 0.0.0.0\r\n") && told.contains("m=audio 9 RTP/AVP"), "{told}");
    assert!(told.contains("a=sendonly\r\n"), "{told}");
}
