//! Trunks over TCP: calls between the transports, and what becomes of them when connections fail.

use std::time::Duration;

use anyhow::Result;
use edge_tests::drill::{PATIENCE, caller, refused, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::{Lab, Side};
use edge_tests::stream::{StreamPeer, accepted, listen};
use edge_tests::{EdgeConfig, EdgeProcess, Leg, Sipp, Witness, scenario};

/// Packets of one stream in a call of two seconds.
const PACKETS: u64 = 2 * 50;

/// Edge with a PBX that is reached over TCP; the carrier keeps to UDP.
fn with_tcp_pbx(drill: impl FnOnce(&Lab, EdgeProcess<'_>) -> Result<()>) -> Result<()> {
    with_edge(EdgeConfig::default().over_tcp(Side::Pbx), drill)
}

/// SIPp as `side` speaks: the PBX over TCP.
fn as_side(sipp: Sipp, side: Side) -> Sipp {
    if side == Side::Pbx { sipp.over_tcp() } else { sipp }
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_cross_between_tcp_and_udp() -> Result<()> {
    for side in Side::BOTH {
        with_tcp_pbx(|lab, edge| {
            let witness = Witness::start(lab)?;
            let called = Sipp::called(side.other(), scenario!("answers")).calls(4).seconds(2);
            let caller = caller(side, scenario!("caller-hangs-up")).calls(4).seconds(2);
            start(lab, as_side(caller, side), as_side(called, side.other()))?.succeed()?;
            let cdrs = wait_for_cdrs(lab, 4, PATIENCE)?;
            edge.stop()?;
            let account = witness.finish()?;
            assert_eq!(account.faults(), [""; 0]);
            assert_eq!(account.received(), 4 * 2 * PACKETS);
            for cdr in &cdrs {
                assert_eq!((cdr.cause(), cdr.ended_by()), ("hangup", "a"), "{cdr:?}");
                assert!(Leg::BOTH.iter().all(|leg| cdr.packets(*leg) == PACKETS.cast_signed()), "{cdr:?}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_called_side_hangs_up_on_a_caller_over_tcp() -> Result<()> {
    with_tcp_pbx(|lab, edge| {
        let called = Sipp::called(Side::Carrier, scenario!("answers-and-hangs-up"));
        let caller = caller(Side::Pbx, scenario!("caller-is-hung-up-on")).over_tcp();
        start(lab, caller, called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("hangup", "b"));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_thousand_calls_share_a_connection() -> Result<()> {
    with_tcp_pbx(|lab, edge| {
        let many = |sipp: Sipp| sipp.calls(1_000).rate(200.0).seconds(1);
        let called = many(Sipp::called(Side::Carrier, scenario!("answers-in-silence")));
        let caller = many(caller(Side::Pbx, scenario!("caller-hangs-up-in-silence"))).over_tcp();
        start(lab, caller, called)?.succeed()?;
        wait_for_cdrs(lab, 1_000, PATIENCE)?;
        assert_eq!(edge.counters()?.sip("connections_failed"), 0);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_call_outlives_its_connection() -> Result<()> {
    with_tcp_pbx(|lab, edge| {
        let pbx = listen(lab, Side::Pbx)?;
        let carrier = caller(Side::Carrier, scenario!("caller-hangs-up-in-silence")).seconds(1).start(lab)?;
        let first = StreamPeer::accept(&pbx, PATIENCE)?;
        let invite = first.expect(PATIENCE, "INVITE ")?;
        first.send(&accepted(&invite, Side::Pbx, 6000)?)?;
        first.expect(PATIENCE, "ACK ")?;
        drop(first);
        let second = StreamPeer::accept(&pbx, PATIENCE)?;
        let bye = second.expect(PATIENCE, "BYE ")?;
        second.send(&accepted(&bye, Side::Pbx, 6000)?)?;
        carrier.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("hangup", "a"));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_takes_no_connection_is_unreachable_at_once() -> Result<()> {
    with_tcp_pbx(|lab, edge| {
        // Over UDP nobody knows before Timer B, after 32 seconds.
        refused(Side::Carrier, 408).start(lab)?.wait_for_success(Duration::from_secs(16))?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!(cdrs[0].cause(), "unreachable");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn what_may_not_be_on_a_connection_closes_it() -> Result<()> {
    with_tcp_pbx(|lab, edge| {
        let stranger = Side::Pbx.stranger_address();
        assert!(StreamPeer::is_turned_away(lab, Side::Pbx, stranger, PATIENCE)?);

        let garbage = StreamPeer::connect(lab, Side::Pbx, Side::Pbx.peer_address())?;
        garbage.send("GET / HTTP/1.1\r\n")?;
        assert!(garbage.is_closed_within(PATIENCE)?);

        let endless = StreamPeer::connect(lab, Side::Pbx, Side::Pbx.peer_address())?;
        let edge_address = Side::Pbx.edge_address();
        let peer = Side::Pbx.peer_address();
        endless.send(&format!(
            "OPTIONS sip:{edge_address} SIP/2.0\r\nVia: SIP/2.0/TCP {peer};branch=z9hG4bKendless\r\n\
             From: <sip:a@{peer}>;tag=1\r\nTo: <sip:{edge_address}>\r\nCall-ID: endless\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n"
        ))?;
        endless.expect(PATIENCE, "SIP/2.0 400 Missing Content-Length")?;
        assert!(endless.is_closed_within(PATIENCE)?);
        edge.wait_for_count("connections_of_strangers", 1, PATIENCE)?;
        edge.wait_for_count("connections_garbled", 2, PATIENCE)?;
        edge.stop()
    })
}
