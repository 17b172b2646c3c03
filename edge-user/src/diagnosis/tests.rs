//! What is said of calls, by what their media has counted.

use std::time::{Duration, Instant};

use edge_core::call::{CallKey, CallView, LegRecord, Phase};
use edge_core::media::{
    MediaEndpoint, MediaPlan, MediaReport, Offender, Rated, RelayedStream, RemoteMedia, Reported, RtpQuality,
    SourcePolicy, Traffic,
};

use super::{Finding, findings};

#[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

const TALKED: Duration = Duration::from_secs(12);

fn leg(trunk: &str, signalling: &str) -> LegRecord {
    LegRecord {
        trunk: trunk.to_owned(),
        call_id: "c".to_owned(),
        signalling: signalling.parse().unwrap(),
        media_local: None,
        media_remote: None,
        media: MediaReport::default(),
    }
}

fn end(local: &str, remote: &str) -> MediaEndpoint {
    let rtp = remote.parse().unwrap();
    MediaEndpoint {
        local: local.parse().unwrap(),
        remote: Some(RemoteMedia { rtp, rtcp: rtp }),
        source_policy: SourcePolicy::Strict,
        traffic: Traffic::Rtp,
        dscp: None,
        clock_rate: 8000,
        sends: None,
        steady: None,
        stun: false,
        talks: true,
        encryption: edge_core::media::Encryption::Clear,
    }
}

pub(crate) fn call(started: Instant) -> CallView {
    CallView {
        key: CallKey::from_number(1),
        id: "edge-1-0001".to_owned(),
        phase: Phase::Established,
        a: leg("carrier", "203.0.113.9:5060"),
        b: Some(leg("pbx", "10.0.0.5:5060")),
        route: None,
        caller: String::new(),
        number_dialled: String::new(),
        number_sent: None,
        codec: Some("PCMA".to_owned()),
        transcoded: None,
        started,
        answered: Some(started),
        media: Some(MediaPlan::of(
            end("192.0.2.1:20000", "203.0.113.9:4000"),
            end("10.0.0.1:20002", "10.0.0.5:6000"),
        )),
        direct_media: false,
        silent_since: [None; 2],
    }
}

/// 600 packets without a flaw.
fn good() -> MediaReport {
    let rtp = RtpQuality { packets: 600, ..RtpQuality::default() };
    MediaReport { packets: 600, bytes: 600 * 214, rtp, ..MediaReport::default() }
}

fn dropped(reason: &'static str, packets: u64, source: &str) -> MediaReport {
    let offender = Offender { source: source.parse().unwrap(), reason, payload_type: 101 };
    MediaReport { drops: vec![(reason, packets)], offender: Some(offender), ..good() }
}

/// What is said when this came from A, and nothing is wrong with B: each finding with its remedy behind a bar.
fn said(a: MediaReport) -> Vec<String> {
    let started = start();
    let text = |Finding { what, remedy }: Finding| match remedy {
        Some(remedy) => format!("{what} | {remedy}"),
        None => what,
    };
    let media = [a, good()];
    findings(&call(started), Some(&media), started + TALKED).into_iter().map(text).collect()
}

#[test]
fn nothing_is_said_of_a_good_call() {
    assert_eq!(said(good()), Vec::<String>::new());
}

#[test]
fn a_source_that_is_not_the_signalled_one_is_named_with_what_to_write() {
    let table = [
        ("203.0.113.9:4002", "if carrier may send from other ports: media_source = \"port\""),
        (
            "10.0.0.5:4000",
            "if 10.0.0.5:4000 belongs to carrier: media_source = \"subnet/24\", or as many bits as hold both; else \
             somebody else sends to this port",
        ),
    ];
    for (source, remedy) in table {
        let what =
            format!("A to B: 412 packets dropped, source {source} is not the signalled 203.0.113.9:4000");
        assert_eq!(said(dropped("unexpected_source", 412, source)), [format!("{what} | {remedy}")]);
    }
}

#[test]
fn media_from_where_signalling_comes_from_is_that_of_a_nat() {
    let started = start();
    let b = dropped("unexpected_source", 1, "198.51.100.7:1024");
    let found = findings(&call(started), Some(&[good(), b]), started + TALKED);
    let remedy = found[0].remedy.as_deref();
    assert_eq!(
        found[0].what,
        "B to A: 1 packet dropped, source 198.51.100.7:1024 is not the signalled 10.0.0.5:6000"
    );
    assert_eq!(remedy, Some("if pbx is behind a NAT: nat = true"), "what its SDP names is private");
}

#[test]
fn every_other_drop_is_said_in_words() {
    let table = [
        (
            "payload_type",
            "A to B: 3 packets dropped: payload type 101 was not negotiated with carrier | if it should cross: policing = \"count\" of trunk carrier",
        ),
        (
            "over_rate",
            "A to B: 3 packets dropped: carrier sends more than its codecs need | if it should cross: policing = \"count\" of trunk carrier",
        ),
        ("no_remote", "A to B: 3 packets dropped: pbx is on hold, or has not said where it receives"),
        (
            "not_latched",
            "A to B: 3 packets dropped: pbx is behind a NAT and has sent nothing yet, so nobody knows where it receives | if it is not behind a NAT: nat = false of trunk pbx",
        ),
        (
            "next_hop_unresolved",
            "A to B: 3 packets dropped on the way to 10.0.0.5: the next hop does not answer ARP, or neighbour discovery | `ip route get 10.0.0.5` and `ip neigh` say where it should go",
        ),
        (
            "source_not_known",
            "A to B: 3 packets dropped: carrier has not said yet where its media comes from",
        ),
    ];
    for (reason, expected) in table {
        assert_eq!(said(dropped(reason, 3, "203.0.113.9:4000")), [expected]);
    }
    let noise = said(dropped("not_rtp", 3, "203.0.113.9:4000"));
    assert!(
        noise[0].starts_with("A to B: 3 packets dropped from 203.0.113.9:4000: first octet"),
        "{noise:?}"
    );
    for reason in edge_ebpf::verdict::DropReason::ALL {
        assert_eq!(said(dropped(reason.name(), 3, "203.0.113.9:4000")).len(), 1, "{reason:?}");
    }
}

#[test]
fn a_side_that_nothing_comes_from_is_named() {
    let expected = "A to B: nothing has come from carrier in the 12 s since the answer; it is expected from 203.0.113.9:4000 \
                    at 192.0.2.1:20000 | is it on hold? does a firewall before this host let UDP through to that address?";
    assert_eq!(said(MediaReport::default()), [expected]);
    let all_dropped = MediaReport {
        packets: 0,
        rtp: RtpQuality::default(),
        ..dropped("unexpected_source", 9, "203.0.113.9:4002")
    };
    assert!(said(all_dropped)[1].ends_with("what does come is dropped: see there"));
}

#[test]
fn bad_sound_is_said_in_figures() {
    let rtp = RtpQuality {
        packets: 900,
        lost: 100,
        loss_runs: 20,
        bursts: 2,
        burst_packets: 200,
        burst_lost: 90,
        jitter_us: 45_000,
        largest_gap_us: 700_000,
        ..RtpQuality::default()
    };
    let found = said(MediaReport { packets: 900, rtp, ..MediaReport::default() });
    assert_eq!(
        found,
        [
            "A to B: 100 packets (10.0 %) lost between carrier and here, part of them in 2 bursts",
            "A to B: jitter of 45 ms; many telephones take less",
            "A to B: once nothing came for 700 ms; that may have been suppressed silence",
            "A to B: the sound is rated 3.0 of 4.4 (MOS by G.107)",
        ]
    );
}

#[test]
fn a_call_that_is_not_up_is_said_to_wait() {
    let started = start();
    let view = |phase| CallView { phase, answered: None, ..call(started) };
    let found = |phase| {
        findings(&view(phase), Some(&[MediaReport::default(), MediaReport::default()]), started + TALKED)
    };
    assert_eq!(
        found(Phase::Trying)[0].what,
        "waiting: trunk pbx at 10.0.0.5:5060 has said nothing of the call for 12 s"
    );
    assert_eq!(
        found(Phase::Ringing)[0].what,
        "waiting: trunk pbx at 10.0.0.5:5060 rings; the call began 12 s ago"
    );
    assert_eq!(found(Phase::Ending).len(), 1);
    let direct = CallView { direct_media: true, ..call(started) };
    assert_eq!(
        findings(&direct, None, started + TALKED)[0].what,
        "the media goes directly from one side to the other: nothing of it is seen here"
    );
}

/// What is said of a call of which B reports this of what A sent.
fn said_of(reported: Reported) -> Vec<String> {
    let started = start();
    let media = [good(), MediaReport { reported, ..good() }];
    let found = findings(&call(started), Some(&media), started + TALKED);
    found.into_iter().map(|Finding { what, .. }| what).collect()
}

#[test]
fn what_the_far_end_reports_is_said_where_it_is_more_than_what_came_here() {
    let heard = Reported { reports: 3, ..Reported::default() };
    let rated = Rated { mos_listening: Some(38), mos_conversational: Some(24), ..Rated::default() };
    let table = [
        (Reported { lost: 5, ..heard }, vec![]),
        (
            Reported { lost: 48, fraction_lost: 51, ..heard },
            vec![
                "A to B: pbx reports 8.0 % loss of what edge sent it (19.9 % between its last two reports), edge received \
                 it with 0.0 %: the loss is between edge and pbx",
            ],
        ),
        (
            Reported { jitter_us: 45_000, ..heard },
            vec![
                "A to B: pbx reports jitter of 45 ms, it came here with 0 ms: it arises between edge and pbx",
            ],
        ),
        (
            Reported { round_trip_us: Some(412_000), ..heard },
            vec![
                "A and B are 412 ms apart and back (edge to A not known, to B 412 ms), which is felt from 300 ms on",
            ],
        ),
        (Reported { rated, ..heard }, vec!["A to B: pbx rates what it hears at 2.4 of 5 (MOS, RFC 3611)"]),
    ];
    for (reported, expected) in table {
        assert_eq!(said_of(reported), expected, "{reported:?}");
    }
}

/// A fax on another line than the one that it was begun on: that one is given up.
#[test]
fn what_is_missing_is_missing_of_the_line_that_is_in_use() {
    let started = start();
    let given_up = |end: MediaEndpoint| MediaEndpoint { remote: None, ..end };
    let mut plan = call(started).media.unwrap();
    let first = plan.streams[0].clone();
    plan.streams[0] = RelayedStream { a: given_up(first.a.clone()), b: given_up(first.b.clone()) };
    plan.streams.push(RelayedStream { a: end("192.0.2.1:20008", "203.0.113.9:4008"), ..first });
    let view = CallView { media: Some(plan), ..call(started) };
    let found = findings(&view, Some(&[MediaReport::default(), good()]), started + TALKED);
    assert!(found[0].what.ends_with("it is expected from 203.0.113.9:4008 at 192.0.2.1:20008"), "{found:?}");
}
