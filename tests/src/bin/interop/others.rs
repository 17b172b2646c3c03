//! A newer Kamailio as the carrier's proxy.

use anyhow::{Context, Result, ensure};

use edge_tests::drill::{PATIENCE, Pair, caller, start};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::lab::Side;
use edge_tests::peers::kamailio::AGENT_PORT;
use edge_tests::peers::{Kamailio, Proxy, Transport};
use edge_tests::sipp::CALLED_MEDIA_PORT;
use edge_tests::{Sipp, scenario};

use crate::{Case, Scene, plainly};

pub(crate) fn cases() -> Vec<Case> {
    let case = |transport| Case {
        peer: "Kamailio 6.1",
        transport,
        what: "calls both ways through its Record-Route",
        configured: plainly,
        run: both_ways,
    };
    Transport::PLAIN.map(case).into()
}

/// The agents behind the proxy speak UDP, so that over TCP there are two routes.
fn both_ways(scene: &Scene<'_>) -> Result<()> {
    let proxy = Proxy::of(Side::Carrier).over(scene.transport, Transport::Udp);
    let proxy = Kamailio::start_newer(scene.lab, &proxy, scene.debian)?;
    let over = |sipp: Sipp| match scene.transport {
        Transport::Udp => sipp,
        Transport::Tcp | Transport::Tls => sipp.over_tcp(),
    };
    let pbx = || over(Sipp::called(Side::Pbx, scenario!("answers-is-held-and-hears-a-digit")));
    let agent = Sipp::called(Side::Carrier, scenario!("answers-and-hangs-up"));
    let calls: [Result<Pair>; 2] = [
        start(
            scene.lab,
            caller(Side::Carrier, scenario!("caller-holds-and-dials")).towards(proxy.address()),
            pbx(),
        ),
        start(
            scene.lab,
            over(caller(Side::Pbx, scenario!("caller-is-hung-up-on"))),
            agent.ports(AGENT_PORT, CALLED_MEDIA_PORT),
        ),
    ];
    calls.into_iter().try_for_each(|pair| pair?.succeed()).with_context(|| proxy.log())?;
    let cdrs = wait_for_cdrs(scene.lab, 2, PATIENCE)?;
    ensure!(cdrs.iter().all(|cdr| cdr.cause() == "hangup"), "{cdrs:?}");
    Ok(())
}
