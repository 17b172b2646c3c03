//! Calls through edge with SIPp as both peers: what carrier and PBX see, hear and are charged for.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, caller, number, start, with_edge};
use edge_tests::edge::{Cdr, wait_for_cdrs};
use edge_tests::lab::{Lab, Side};
use edge_tests::raw::{RawPeer, is_response};
use edge_tests::witness::{Account, Crossing};
use edge_tests::{EdgeConfig, EdgeProcess, Leg, Sipp, Witness, scenario};

/// Longer than T2 (RFC 3261 section 17.1.2.1).
const QUIET: Duration = Duration::from_millis(4500);
/// Packets of one stream in a call of two seconds.
const PACKETS: u64 = 2 * 50;

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_from_both_sides_carry_media_in_xdp() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let pairs = Side::BOTH.map(|side| {
            let called = Sipp::called(side.other(), scenario!("answers")).calls(4).seconds(2);
            start(lab, caller(side, scenario!("caller-hangs-up")).calls(4).seconds(2), called)
        });
        for pair in pairs {
            pair?.succeed()?;
        }
        let cdrs = wait_for_cdrs(lab, 8, PATIENCE)?;
        let relayed = edge.counters()?.relayed();
        edge.stop()?;
        let account = witness.finish()?;
        assert_eq!(account.faults(), [""; 0]);
        assert_eq!(account.shared_ports(), []);
        assert_eq!(account.streams.len(), 16);
        assert!(account.streams.iter().all(|stream| stream.received == PACKETS), "{:?}", account.streams);
        assert_eq!(relayed, account.received(), "every packet is relayed in XDP");
        assert_eq!(account.setup_ms().len(), 8);
        for cdr in &cdrs {
            check_cdr(cdr);
        }
        assert_eq!(cdrs.iter().filter(|cdr| cdr.trunk(Leg::A) == "carrier").count(), 4);
        nothing_shows_through(&account);
        Ok(())
    })
}

/// Two port pairs an address, so that four calls need two addresses on each side.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_use_every_media_address_of_a_realm() -> Result<()> {
    const CALLS: u32 = 4;
    let more = |side: Side| {
        let [a, b, c, d] = side.edge_address().octets();
        Ipv4Addr::new(a, b, c, d + 1)
    };
    let config = EdgeConfig::default().media_ports("20000-20003").shards(1);
    let config = Side::BOTH.into_iter().fold(config, |config, side| config.more_media(side, more(side)));
    Lab::drill(|lab| {
        for side in Side::BOTH {
            let address = format!("{}/24", more(side));
            lab.edge().ip(&["address", "add", &address, "dev", side.edge_device()])?;
        }
        let edge = EdgeProcess::start(lab, &config)?;
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(CALLS).seconds(2);
        let callers = caller(Side::Carrier, scenario!("caller-hangs-up")).calls(CALLS).seconds(2);
        start(lab, callers, called)?.succeed()?;
        edge.stop()?;
        let account = witness.finish()?;
        assert_eq!(account.faults(), [""; 0]);
        assert_eq!(account.shared_ports(), []);
        assert_eq!(account.streams.len(), 2 * CALLS as usize);
        assert!(account.streams.iter().all(|stream| stream.received == PACKETS), "{:?}", account.streams);
        Ok(())
    })
}

fn check_cdr(cdr: &Cdr) {
    assert_eq!(cdr.cause(), "hangup", "{cdr:?}");
    assert_eq!(cdr.ended_by(), "a", "{cdr:?}");
    assert_eq!(cdr.text("/codec"), "PCMA", "{cdr:?}");
    for leg in Leg::BOTH {
        assert_eq!(cdr.packets(leg), PACKETS.cast_signed(), "{cdr:?}");
        assert_eq!(cdr.lost(leg), Some(0), "{cdr:?}");
    }
    let (dialled, sent) = match cdr.trunk(Leg::A) {
        "carrier" => (number(Side::Carrier), "750"),
        _ => (number(Side::Pbx), number(Side::Pbx)),
    };
    assert_eq!((cdr.text("/number_dialled"), cdr.text("/number_sent")), (dialled, sent), "{cdr:?}");
}

/// No address, Call-ID or tag of one side in any message that the other side gets.
fn nothing_shows_through(account: &Account) {
    for side in Side::BOTH {
        let secrets = secrets(account, side.other());
        assert!(secrets.len() > 2 + 8, "two addresses, and something of each call: {secrets:?}");
        let mut arrived = account.sip(side).iter().filter(|message| message.crossing == Crossing::Arrival);
        assert!(
            arrived.clone().any(|message| message.is_request("INVITE") && message.text.contains("m=audio")),
            "messages with SDP are among those that are looked at"
        );
        let shown = |text: &str| secrets.iter().find(|secret| text.contains(secret.as_str())).cloned();
        let leak = arrived.find_map(|message| shown(&message.text).map(|secret| (secret, message)));
        assert!(leak.is_none(), "{side:?} must not see: {leak:#?}");
    }
}

/// What only `side` may know: addresses, Call-IDs, and the tags that it made up.
fn secrets(account: &Account, side: Side) -> BTreeSet<String> {
    let mut secrets = BTreeSet::from([side.peer_address().to_string(), side.edge_address().to_string()]);
    for message in account.sip(side).iter().filter(|message| message.crossing == Crossing::Departure) {
        secrets.extend(message.header("Call-ID").map(str::to_owned));
        let parties = [message.header("From"), message.header("To")];
        let tags = parties.into_iter().flatten().filter_map(|party| party.split(";tag=").nth(1));
        secrets.extend(tags.map(str::to_owned));
    }
    secrets
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_called_side_hangs_up() -> Result<()> {
    for side in Side::BOTH {
        with_edge(EdgeConfig::default(), |lab, edge| {
            let witness = Witness::start(lab)?;
            let called = Sipp::called(side.other(), scenario!("answers-and-hangs-up"));
            start(lab, caller(side, scenario!("caller-is-hung-up-on")), called)?.succeed()?;
            let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
            edge.stop()?;
            assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("hangup", "b"));
            assert_eq!(witness.finish()?.faults(), [""; 0]);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn media_flows_before_the_answer() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers-after-early-media")).seconds(2);
        start(lab, caller(Side::Carrier, scenario!("caller-hears-early-media")).seconds(2), called)?
            .succeed()?;
        wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        let account = witness.finish()?;
        assert_eq!(account.faults(), [""; 0]);
        assert_eq!(account.received(), 2 * PACKETS);
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn hold_and_resume_pass_through() -> Result<()> {
    for side in Side::BOTH {
        with_edge(EdgeConfig::default(), |lab, edge| {
            let witness = Witness::start(lab)?;
            let called = Sipp::called(side.other(), scenario!("answers-and-is-held")).seconds(2);
            start(lab, caller(side, scenario!("caller-holds")).seconds(2), called)?.succeed()?;
            wait_for_cdrs(lab, 1, PATIENCE)?;
            edge.stop()?;
            let account = witness.finish()?;
            assert_eq!(account.faults(), [""; 0]);
            assert_eq!(account.received(), 2 * PACKETS);
            let offers = directions(&account, side.other(), "INVITE ");
            assert_eq!(offers, ["sendrecv", "sendonly", "sendrecv"], "offers that the called side got");
            let answers = directions(&account, side, "SIP/2.0 200 ");
            assert_eq!(answers, ["sendrecv", "recvonly", "sendrecv"], "answers that the caller got");
            Ok(())
        })?;
    }
    Ok(())
}

/// Media directions in the SDP of messages that arrived at `side`; sendrecv when none is given (RFC 3264).
fn directions(account: &Account, side: Side, start: &str) -> Vec<&'static str> {
    let arrived = account.sip(side).iter().filter(|message| message.crossing == Crossing::Arrival);
    let with_sdp =
        arrived.filter(|message| message.start_line().starts_with(start) && message.text.contains("m=audio"));
    let all = ["sendonly", "recvonly", "inactive"];
    with_sdp
        .map(|message| {
            all.into_iter().find(|d| message.text.contains(&format!("a={d}"))).unwrap_or("sendrecv")
        })
        .collect()
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn retransmissions_are_absorbed() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).start(lab)?;
        repeat_everything(lab)?;
        called.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        edge.stop()?;
        assert_eq!(cdrs[0].cause(), "hangup");
        let account = witness.finish()?;
        for method in ["INVITE", "ACK", "BYE"] {
            let got = account.sip_once(Side::Pbx).filter(|message| message.is_request(method)).count();
            assert_eq!(got, 1, "the PBX gets one {method}");
        }
        Ok(())
    })
}

/// A carrier that sends each request more than once and withholds its ACK at first.
fn repeat_everything(lab: &Lab) -> Result<()> {
    let peer = RawPeer::bind(lab, Side::Carrier, 5070)?;
    let invite = peer.invite("again", number(Side::Carrier), 7000);
    for _ in 0..3 {
        peer.send(invite.as_bytes())?;
    }
    let answer = peer.expect(PATIENCE, |message| is_response(message, 200, "INVITE"))?;
    // RFC 3261 section 13.3.1.4: the 2xx comes again until it is acknowledged.
    let again = peer.expect(PATIENCE, |message| is_response(message, 200, "INVITE"))?;
    ensure!(again == answer, "the repeated answer differs");
    let ack = peer.in_dialog("ACK", "again", &answer)?;
    peer.send(ack.as_bytes())?;
    peer.send(ack.as_bytes())?;
    // What was on its way when the ACK came may still arrive; longer than T2, after which it would be repeated at the latest.
    let quiet = (0..2).any(|_| peer.receive_for(QUIET).is_ok_and(|late| late.is_empty()));
    ensure!(quiet, "an acknowledged answer is not repeated");
    let bye = peer.in_dialog("BYE", "again", &answer)?;
    for _ in 0..2 {
        peer.send(bye.as_bytes())?;
        peer.expect(PATIENCE, |message| is_response(message, 200, "BYE"))
            .context("BYE is answered each time")?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn options_are_answered() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        for side in Side::BOTH {
            Sipp::caller(side, scenario!("asks-options")).start(lab)?.wait_for_success(PATIENCE)?;
        }
        edge.stop()?;
        wait_for_cdrs(lab, 0, Duration::ZERO)?;
        Ok(())
    })
}
