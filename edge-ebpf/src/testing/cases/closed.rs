//! Ports without a call: silent, or the host's to say so; and those at rest after one, which are silent in any case.

use alloc::vec;
use alloc::vec::Vec;

use super::{Case, Packet, Scene, drops, from_carrier, ipv6, passes, to_rtcp_port, uncharged};
use crate::abi::Endpoint;
use crate::testing::scene::{Family::V6, NEAR};
use crate::verdict::DropReason::{NoEndpoint, ShortRtp, Truncated, UnexpectedSource};
use crate::verdict::PassReason::ClosedPort;

/// Longer than any clock of a test has run: thirty years.
const LATER: u64 = 1 << 60;

pub(super) fn cases() -> Vec<Case> {
    let packet = from_carrier;
    let rtcp = || to_rtcp_port(packet());
    let over_v6 = ipv6::from_carrier(V6);
    let silent = |name, sent: &Packet| uncharged(drops(name, NoEndpoint, sent));
    let foreign = packet().with(|p| p.source.1 = 30002);
    vec![
        closed(passes("closed_port", ClosedPort, &packet())),
        closed(passes("closed_rtcp_port", ClosedPort, &rtcp())),
        closed(passes("closed_port_over_ipv6", ClosedPort, &over_v6)).between_v6(),
        closed(passes("nothing_to_a_closed_port", ClosedPort, &packet().with(|p| p.payload.clear()))),
        closed(passes("noise_to_a_closed_port", ClosedPort, &packet().with(|p| p.payload[0] = 0x40))),
        closed(uncharged(drops(
            "half_a_datagram_to_a_closed_port",
            Truncated,
            &packet().with(|p| p.udp_length = Some(600)),
        ))),
        resting(silent("port_at_rest", &packet())),
        resting(silent("rtcp_port_at_rest", &rtcp())),
        resting(silent("port_at_rest_over_ipv6", &over_v6)).between_v6(),
        beside_closed(drops("port_of_a_call_among_closed_ones", UnexpectedSource, &foreign)),
        beside_closed(drops(
            "noise_to_a_call_among_closed_ports",
            ShortRtp,
            &packet().with(|p| p.payload.clear()),
        )),
    ]
}

/// The same where the port that is sent to is closed.
fn closed(case: Case) -> Case {
    Case { scene: without_call(Endpoint::closed_from(0)), ..case }
}

/// The same while it rests.
fn resting(case: Case) -> Case {
    Case { scene: without_call(Endpoint::closed_from(LATER)), ..case }
}

fn without_call(entry: Endpoint) -> Scene {
    Scene::call().near(|near| *near = entry)
}

/// The same with every other port closed.
fn beside_closed(case: Case) -> Case {
    let mut scene = Scene::call();
    for entry in scene.endpoints.iter_mut().filter(|entry| entry.call == 0) {
        *entry = Endpoint::closed_from(0);
    }
    Case { scene, ..case }
}

impl Case {
    fn between_v6(self) -> Self {
        let entry = self.scene.endpoints[NEAR as usize];
        Self { scene: Scene::between(V6, V6).near(|near| *near = entry), ..self }
    }
}
