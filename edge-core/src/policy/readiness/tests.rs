//! Every order and direction; and what a reload keeps.

use std::sync::Arc;

use super::*;
use crate::policy::{Policy, TrunkId, tests};

const NOW: Duration = Duration::from_secs(100);

fn trunk(name: &str) -> Trunk {
    tests::trunk(name, "192.0.2.2:5060", &[])
}

fn policy(trunk: Trunk) -> Policy {
    tests::policy(vec![trunk], vec![]).unwrap()
}

#[test]
fn what_the_operator_wants_and_the_direction_decide_who_may_call() {
    use AdminState::{Disabled, Draining, Enabled};
    use Direction::{Both, Inbound, Outbound};
    let table = [
        (Enabled, Both, None, None),
        (Enabled, Inbound, None, Some(Closed::Direction)),
        (Enabled, Outbound, Some(Closed::Direction), None),
        (Draining, Both, Some(Closed::Draining), Some(Closed::Draining)),
        (Draining, Inbound, Some(Closed::Draining), Some(Closed::Draining)),
        (Draining, Outbound, Some(Closed::Draining), Some(Closed::Draining)),
        (Disabled, Both, Some(Closed::Disabled), Some(Closed::Disabled)),
        (Disabled, Inbound, Some(Closed::Disabled), Some(Closed::Disabled)),
        (Disabled, Outbound, Some(Closed::Disabled), Some(Closed::Disabled)),
    ];
    for (order, direction, inbound, outbound) in table {
        for enabled in [true, false] {
            let trunk = Trunk { direction, enabled, ..trunk("t") };
            trunk.order(order);
            assert_eq!(trunk.admin_state(), order, "an order counts more than the file");
            assert_eq!(trunk.inbound().err(), inbound, "{order:?} {direction:?}");
            let want = outbound.map_or(Readiness::Ready, Readiness::Closed);
            assert_eq!(trunk.outbound(NOW), want, "{order:?} {direction:?}");
            let former = Trunk { former: true, ..trunk };
            assert_eq!(former.inbound(), Err(Closed::Disabled), "whatever was ordered");
        }
    }
    let off = Trunk { enabled: false, ..trunk("t") };
    assert_eq!((off.admin_state(), off.inbound()), (Disabled, Err(Closed::Disabled)), "as the file says");
}

#[test]
fn a_trunk_whose_every_target_has_failed_is_doubted_and_welcome() {
    let trunk = trunk("t");
    assert_eq!(trunk.outbound(NOW), Readiness::Ready);
    trunk.targets.iter().for_each(|target| target.avoid(NOW + Duration::from_secs(1)));
    assert_eq!(trunk.outbound(NOW), Readiness::Doubtful(Doubt::Avoided));
    assert_eq!(trunk.inbound(), Ok(()));
    assert_eq!(trunk.outbound(NOW + Duration::from_secs(1)), Readiness::Ready);
}

#[test]
fn an_order_outlives_a_reload_until_the_file_says_something_new() {
    let first = policy(trunk("t"));
    first.trunks[0].order(AdminState::Draining);
    let mut same = policy(trunk("t"));
    same.take_over(&first);
    assert_eq!(same.trunk(TrunkId::new(0)).admin_state(), AdminState::Draining);
    assert!(
        Arc::ptr_eq(&same.trunks[0].state, &first.trunks[0].state),
        "older policies hear of the next one, too"
    );

    let mut off = policy(Trunk { enabled: false, ..trunk("t") });
    off.take_over(&same);
    assert_eq!(off.trunks[0].admin_state(), AdminState::Disabled);
    assert_eq!(
        same.trunks[0].admin_state(),
        AdminState::Draining,
        "a policy that is not in force yet changes nothing"
    );
    off.trunks[0].order(AdminState::Enabled);

    let mut renamed = policy(trunk("other"));
    renamed.take_over(&off);
    assert_eq!(renamed.trunks[0].admin_state(), AdminState::Enabled);
    let mut again = policy(Trunk { enabled: false, ..trunk("t") });
    again.take_over(&off);
    assert_eq!(again.trunks[0].admin_state(), AdminState::Enabled, "the file says what it said before");
}
