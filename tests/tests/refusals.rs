//! Calls that are not answered: given up, refused by the called side, by edge, or by nobody at all.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use edge_tests::drill::{PATIENCE, caller, number, offering, refused, start, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::process::wait_until;
use edge_tests::raw::{RawPeer, header, is_response};
use edge_tests::witness::Crossing;
use edge_tests::{Cdr, EdgeConfig, Leg, Sipp, Witness, scenario};

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_caller_cancels() -> Result<()> {
    for side in Side::BOTH {
        with_edge(EdgeConfig::default(), |lab, edge| {
            let called = Sipp::called(side.other(), scenario!("rings-until-cancelled"));
            start(lab, caller(side, scenario!("caller-cancels")), called)?.succeed()?;
            let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
            assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("cancelled", "a"));
            edge.stop()
        })?;
    }
    Ok(())
}

/// What the called side says, and what the caller hears: what speaks of edge's own request stays with edge (a
/// challenge, a redirection), and a 503 would say that edge is out of service (RFC 3261 section 16.7).
const REFUSALS: [(u16, u16); 9] = [
    (302, 500),
    (401, 500),
    (404, 404),
    (480, 480),
    (486, 486),
    (500, 500),
    (503, 500),
    (600, 600),
    (603, 603),
];

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_refusal_reaches_the_caller() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        for (said, heard) in REFUSALS {
            let called = Sipp::called(Side::Pbx, scenario!("refuses")).key("code", &said.to_string());
            start(lab, refused(Side::Carrier, heard), called)?.succeed()?;
        }
        let cdrs = wait_for_cdrs(lab, REFUSALS.len(), PATIENCE)?;
        for (cdr, (said, heard)) in cdrs.iter().zip(REFUSALS) {
            assert_eq!((cdr.cause(), cdr.ended_by()), ("rejected", "b"));
            assert_eq!(cdr.number("/status"), Some(heard.into()), "{cdr:?}");
            assert!(cdr.text("/detail").contains(&said.to_string()), "{cdr:?}");
        }
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn nobody_answers() -> Result<()> {
    let config = EdgeConfig::default().section("[timers]\nanswer_max = \"2s\"");
    with_edge(config, |lab, edge| {
        let called = Sipp::called(Side::Pbx, scenario!("rings-until-cancelled"));
        start(lab, refused(Side::Carrier, 408), called)?.succeed()?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!((cdrs[0].cause(), cdrs[0].ended_by()), ("no_answer", "edge"));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_trunk_that_says_nothing_is_given_up() -> Result<()> {
    let config = EdgeConfig::default().section("[timers]\nanswer_max = \"2s\"");
    with_edge(config, |lab, edge| {
        refused(Side::Carrier, 408).start(lab)?.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!(cdrs[0].ended_by(), "edge");
        // Its INVITE is still out; a second signal does not wait for it.
        edge.drain()?;
        edge.wait_for_log("draining", PATIENCE)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn an_offer_that_cannot_be_carried_is_488() -> Result<()> {
    let config = EdgeConfig::default().trunk(Side::Pbx, "allow = [\"PCMA\", \"PCMU\"]");
    with_edge(config, |lab, edge| {
        let offers = [
            ("video 7000 RTP/AVP 96", "a=rtpmap:96 H264/90000"),
            ("audio 7000 RTP/AVP 97", "a=rtpmap:97 speex/8000"),
            (
                "audio 7000 RTP/SAVP 8",
                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
            ),
        ];
        for (media, attribute) in offers {
            offering(Side::Carrier, 488, media, attribute).start(lab)?.wait_for_success(PATIENCE)?;
        }
        for cdr in wait_for_cdrs(lab, offers.len(), PATIENCE)? {
            assert_eq!((cdr.cause(), cdr.ended_by()), ("offer", "edge"));
        }
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn no_route_is_404() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        refused(Side::Carrier, 404).number("+15551234").start(lab)?.wait_for_success(PATIENCE)?;
        let cdrs = wait_for_cdrs(lab, 1, PATIENCE)?;
        assert_eq!((cdrs[0].cause(), cdrs[0].trunk(Leg::B)), ("no_route", ""));
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn max_calls_holds() -> Result<()> {
    for (refuse_with, code) in [("503", 503), ("486", 486)] {
        let config = EdgeConfig::default().trunk(Side::Carrier, "max_calls = 1");
        let config = config.trunk(Side::Carrier, &format!("refuse_with = \"{refuse_with}\""));
        with_edge(config, |lab, edge| {
            let called = Sipp::called(Side::Pbx, scenario!("answers")).seconds(8);
            let pair = start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")).seconds(8), called)?;
            edge.wait_for_log("call established", PATIENCE)?;
            refused(Side::Carrier, code).ports(5080, 7000 + 10).start(lab)?.wait_for_success(PATIENCE)?;
            pair.succeed()?;
            let cdrs = wait_for_cdrs(lab, 2, PATIENCE)?;
            assert_eq!(cdrs.iter().map(Cdr::cause).collect::<Vec<_>>(), ["max_calls", "hangup"]);
            assert!(edge.log().contains("max_calls"), "the log names the reason");
            edge.stop()
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn max_cps_holds() -> Result<()> {
    let config = EdgeConfig::default().trunk(Side::Carrier, "max_cps = 1");
    with_edge(config, |lab, edge| {
        let peer = RawPeer::bind(lab, Side::Carrier, 5070)?;
        for call in ["one", "two", "three", "four", "five"] {
            peer.send(peer.invite(call, number(Side::Carrier), 7000).as_bytes())?;
        }
        // Each is said again until it is acknowledged.
        let mut refused = BTreeSet::new();
        while refused.len() < 4 {
            let answer = peer.expect(PATIENCE, |message| is_response(message, 503, "INVITE"))?;
            refused.insert(header(&answer, "Call-ID").unwrap_or_default().to_owned());
        }
        // Nobody is there for the one that was let in, which ICMP says.
        let cdrs = wait_for_cdrs(lab, 5, PATIENCE)?;
        let over = cdrs.iter().filter(|cdr| cdr.cause() == "max_cps").count();
        assert_eq!(over, 4, "{cdrs:?}");
        edge.kill()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_media_port_rests_before_the_next_call_gets_it() -> Result<()> {
    let one_pair = EdgeConfig::default().media_ports("20000-20001").shards(1);
    with_edge(one_pair.section("[timers]\nport_rest = \"12s\""), |lab, edge| {
        let call = || -> Result<()> {
            let called = Sipp::called(Side::Pbx, scenario!("answers"));
            start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")), called)?.succeed()
        };
        call()?;
        refused(Side::Carrier, 503).start(lab)?.wait_for_success(PATIENCE)?;
        thread::sleep(Duration::from_secs(12));
        call()?;
        let cdrs = wait_for_cdrs(lab, 3, PATIENCE)?;
        assert_eq!(cdrs.iter().map(Cdr::cause).collect::<Vec<_>>(), ["hangup", "no_media_port", "hangup"]);
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_stranger_hears_nothing() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let witness = Witness::start(lab)?;
        let stranger = Side::Carrier.stranger_address();
        let sipp = caller(Side::Carrier, scenario!("caller-hears-nothing")).from_address(stranger).calls(5);
        sipp.start(lab)?.wait_for_success(PATIENCE)?;
        let counted = || edge.counters().ok().filter(|counters| counters.sip("strangers") == 5);
        assert!(wait_until(PATIENCE, counted).is_some(), "{:?}", edge.counters());
        edge.stop()?;
        let account = witness.finish()?;
        let messages = account.sip(Side::Carrier);
        assert!(messages.iter().any(|message| message.crossing == Crossing::Departure), "it did ask");
        assert!(!messages.iter().any(|message| message.crossing == Crossing::Arrival), "{messages:#?}");
        wait_for_cdrs(lab, 0, Duration::ZERO)?;
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn strangers_cost_no_memory() -> Result<()> {
    const STRANGE_CALLS: u32 = 20_000;
    // The process itself is looked at: the shield would keep most of them from it.
    with_edge(EdgeConfig::default().section("[shield]\nmode = \"off\""), |lab, edge| {
        let address = SocketAddrV4::new(Side::Carrier.stranger_address(), 5070);
        let stranger = RawPeer::bind_to(lab, Side::Carrier, address)?;
        let invite = |call: u32| stranger.invite(&call.to_string(), number(Side::Carrier), 7000);
        // The first ones fill what is allocated once.
        (0..1000).try_for_each(|call| stranger.send(invite(call).as_bytes()))?;
        edge.wait_for_count("strangers", 100, PATIENCE)?;
        let before_kb = edge.resident_kb()?;
        (1000..STRANGE_CALLS).try_for_each(|call| stranger.send(invite(call).as_bytes()))?;
        let called = Sipp::called(Side::Pbx, scenario!("answers"));
        start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")), called)?.succeed()?;
        let grown_kb = edge.resident_kb()?.saturating_sub(before_kb);
        // A transaction and a call for each would be tens of megabytes; one call is admitted meanwhile.
        assert!(grown_kb < 2048, "{grown_kb} kB for {STRANGE_CALLS} strange calls");
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_stranger_is_forbidden_when_so_configured() -> Result<()> {
    with_edge(EdgeConfig::default().section("[shield]\nstrangers = \"forbid\""), |lab, edge| {
        let address = SocketAddrV4::new(Side::Carrier.stranger_address(), 5070);
        let stranger = RawPeer::bind_to(lab, Side::Carrier, address)?;
        stranger.send(stranger.invite("hello", number(Side::Carrier), 7000).as_bytes())?;
        stranger.expect(PATIENCE, |message| is_response(message, 403, "INVITE"))?;
        // A stateless answer is given once a request; nothing is repeated.
        assert_eq!(stranger.receive_for(Duration::from_millis(1500))?, [""; 0]);
        wait_for_cdrs(lab, 0, Duration::ZERO)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn noise_on_the_signalling_port_disturbs_nothing() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let peer = RawPeer::bind(lab, Side::Carrier, 5075)?;
        let invite = peer.invite("noise", number(Side::Carrier), 7000);
        for length in 0..invite.len().min(400) {
            peer.send(&invite.as_bytes()[..length])?;
        }
        for noise in [&b"\r\n\r\n"[..], b"\0", b"SIP/2.0 200 OK\r\n\r\n", &[0xFF; 1400], b"INVITE\r\n"] {
            peer.send(noise)?;
        }
        let called = Sipp::called(Side::Pbx, scenario!("answers"));
        start(lab, caller(Side::Carrier, scenario!("caller-hangs-up")), called)?.succeed()?;
        edge.stop()
    })
}
