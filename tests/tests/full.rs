//! What happens when something there is one of, or so many of, is taken.

use std::fs;
use std::net::SocketAddrV4;

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, number, with_edge};
use edge_tests::edge::{pins, wait_for_cdrs};
use edge_tests::exchange::{Exchange, Step, is_shed};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::raw::header;
use edge_tests::traffic::{self, Media};
use edge_tests::{EdgeConfig, EdgeProcess, RawPeer};

/// Calls that `flows_max` has room for: two endpoints each.
const CALLS: u32 = 10;
/// How often all of them are placed and ended.
const ROUNDS: usize = 3;

/// A call more than there is room for is told why not.
fn one_more_is_refused(lab: &Lab, edge: &EdgeProcess<'_>, name: &str) -> Result<()> {
    let address = SocketAddrV4::new(Side::Carrier.peer_address(), 5070);
    let peer = RawPeer::bind_to(lab, Side::Carrier, address)?;
    let is_final = |message: &str| message.starts_with("SIP/2.0 ") && !message.starts_with("SIP/2.0 1");
    let mut number_of_try = 0;
    let mut refused = || {
        number_of_try += 1;
        let call = format!("{name}-{number_of_try}");
        peer.send(peer.invite(&call, number(Side::Carrier), 7000).as_bytes()).ok()?;
        let said = peer.expect(PATIENCE, is_final).ok()?;
        // A busy edge has not even looked.
        (!is_shed(&said)).then_some(said)
    };
    let refused = wait_until(PATIENCE, &mut refused).context("it is neither taken nor refused")?;
    ensure!(header(&refused, "Reason") == Some("Q.850;cause=47;text=\"No room for media\""), "{refused}");
    edge.wait_for_log("media endpoints are in use: raise xdp.flows_max", PATIENCE)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn at_flows_max_a_call_is_refused_and_each_that_ends_makes_room() -> Result<()> {
    Lab::drill(|lab| {
        let room = format!("flows_max = {}", CALLS * 2);
        let config = EdgeConfig::default().toml(lab).replace("flows_max = 65536", &room);
        fs::write(lab.directory().join("edge.toml"), config)?;
        let edge = EdgeProcess::start_again(lab)?;
        for round in 1..=ROUNDS {
            let mut exchange = Exchange::begin(lab, CALLS, traffic::port)?;
            let media = Media::begin(lab, &exchange.stand()?)?;
            one_more_is_refused(lab, &edge, &format!("more-{round}"))?;
            media.arrive(u64::from(CALLS) * 20)?;
            media.end()?;
            exchange.take(Step::HangUp)?;
            wait_for_cdrs(lab, (CALLS as usize + 1) * round, PATIENCE)?;
        }
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_second_process_of_a_node_is_refused_and_takes_nothing_from_the_first() -> Result<()> {
    with_edge(EdgeConfig::default(), |lab, edge| {
        let mut exchange = Exchange::begin(lab, CALLS, traffic::port)?;
        let media = Media::begin(lab, &exchange.stand()?)?;
        let before = pins(lab)?;
        for _ in 0..3 {
            let second = EdgeProcess::start_again(lab).err().context("there can be one only")?;
            ensure!(format!("{second:#}").contains("another `edge run` is this node"), "{second:#}");
        }
        assert_eq!(pins(lab)?, before);
        media.arrive(u64::from(CALLS) * 50)?;
        media.end()?;
        exchange.take(Step::HangUp)?;
        wait_for_cdrs(lab, CALLS as usize, PATIENCE)?;
        edge.stop()
    })
}
