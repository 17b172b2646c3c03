//! The lab without edge: the kernel forwards between the peers. What this shows of loss and latency is the lab's
//! own share, and a drill that fails here is no fault of edge.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::{Context, Result};
use edge_tests::lab::{Lab, Side};
use edge_tests::sipp::{SIP_PORT, Scenario, Sipp};
use edge_tests::{Witness, scenario};

const PATIENCE: Duration = Duration::from_secs(40);

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_lab_itself_loses_nothing() -> Result<()> {
    Lab::drill(|lab| {
        lab.forward_by_kernel()?;
        let witness = Witness::start(lab)?;
        let called = Sipp::called(Side::Pbx, scenario!("answers")).calls(10).seconds(2).start(lab)?;
        let caller = directly(scenario!("caller-hangs-up")).calls(10).rate(10.0).seconds(2).start(lab)?;
        assert_eq!(caller.wait_for_success(PATIENCE)?.attempted, 10);
        called.wait_for_success(PATIENCE)?;
        let account = witness.finish()?;
        assert_eq!(account.faults(), [""; 0]);
        assert_eq!(account.streams.len(), 20);
        assert!(account.streams.iter().all(|stream| stream.sent == 2 * 50), "{:?}", account.streams);
        assert_eq!(account.setup_ms().len(), 10);
        assert_eq!(account.latency_ns.len(), 10 * 2 * 100);
        Ok(())
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn the_scenarios_agree_with_each_other() -> Result<()> {
    let pairs = [
        (scenario!("caller-is-hung-up-on"), scenario!("answers-and-hangs-up")),
        (scenario!("caller-cancels"), scenario!("rings-until-cancelled")),
        (scenario!("caller-is-refused"), scenario!("refuses")),
        (scenario!("caller-hears-early-media"), scenario!("answers-after-early-media")),
        (scenario!("caller-holds"), scenario!("answers-and-is-held")),
    ];
    for (caller, called) in pairs {
        agree(caller, called).with_context(|| format!("{} with {}", caller.name, called.name))?;
    }
    Ok(())
}

fn agree(caller: Scenario, called: Scenario) -> Result<()> {
    Lab::drill(|lab| {
        lab.forward_by_kernel()?;
        let keys = |sipp: Sipp| {
            sipp.key("code", "486").key("offer", "audio 7000 RTP/AVP 8").key("map", "a=ptime:20")
        };
        let called = keys(Sipp::called(Side::Pbx, called)).start(lab)?;
        let caller = keys(directly(caller)).start(lab)?;
        caller.wait_for_success(PATIENCE)?;
        called.wait_for_success(PATIENCE)?;
        Ok(())
    })
}

/// The carrier calls the PBX itself instead of edge.
fn directly(scenario: Scenario) -> Sipp {
    let pbx = SocketAddrV4::new(Side::Pbx.peer_address(), SIP_PORT);
    Sipp::caller(Side::Carrier, scenario).towards(pbx).number("750")
}
