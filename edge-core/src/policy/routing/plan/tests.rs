use super::*;

fn target(trunk: usize) -> RouteTarget {
    RouteTarget::new(TrunkId::new(trunk))
}

/// The trunks in the order of a plan; the numbers that are drawn are 0, 1, 2 and so on.
fn order(plan: &Plan, look: impl Fn(TrunkId) -> Look) -> Vec<usize> {
    let mut drawn = 0..;
    let order = plan.order(look, || drawn.next().unwrap_or_default());
    order.iter().map(|at| plan.targets[*at].trunk.index()).collect()
}

fn ready(_: TrunkId) -> Look {
    Look::default()
}

#[test]
fn lower_priorities_come_first_and_equal_ones_as_in_the_file() {
    let targets = vec![
        RouteTarget { priority: 2, ..target(0) },
        target(1),
        RouteTarget { priority: 1, ..target(2) },
        target(3),
        RouteTarget { priority: 3, ..target(1) },
    ];
    assert_eq!(order(&Plan::of(targets), ready), [1, 3, 2, 0]);
}

#[test]
fn each_is_first_in_its_turn() {
    let targets = vec![target(0), target(1), target(2), RouteTarget { priority: 1, ..target(3) }];
    let plan = Plan { strategy: Strategy::RoundRobin, ..Plan::of(targets) };
    let firsts: Vec<_> = (0..4).map(|_| order(&plan, ready)).collect();
    assert_eq!(firsts, [[0, 1, 2, 3], [1, 2, 0, 3], [2, 0, 1, 3], [0, 1, 2, 3]]);
    assert_eq!(plan.next_order(ready, || 0), plan.next_order(ready, || 0), "who looks takes no turn");
}

#[test]
fn the_cheapest_comes_first_within_its_priority_and_what_costs_nobody_knows_what_last() {
    let targets = vec![target(0), target(1), target(2), RouteTarget { priority: 1, ..target(3) }];
    let plan = Plan { strategy: Strategy::LeastCost, ..Plan::of(targets) };
    let costs = [None, Some(4200), Some(3500), Some(1)];
    let look = |id: TrunkId| Look { cost: costs[id.index()].map(Cost), ..Look::default() };
    assert_eq!(order(&plan, look), [2, 1, 0, 3]);
}

#[test]
fn the_best_comes_first_and_one_that_nobody_knows_is_welcome() {
    let targets = vec![target(0), target(1), target(2), target(3)];
    let plan = Plan { strategy: Strategy::Quality, ..Plan::of(targets) };
    let qualities = [Some(400), Some(950), None, Some(1000)];
    let look = |id: TrunkId| Look { quality: qualities[id.index()], ..Look::default() };
    assert_eq!(order(&plan, look), [2, 3, 1, 0]);
}

#[test]
fn weights_share_the_calls() {
    let targets =
        vec![RouteTarget { weight: 3, ..target(0) }, target(1), RouteTarget { weight: 0, ..target(2) }];
    let plan = Plan { strategy: Strategy::Weighted, ..Plan::of(targets) };
    let mut firsts = [0; 3];
    for seed in 0..5000_u64 {
        // A generator is enough that takes every value of a small range equally often.
        let order = plan.order(ready, || seed);
        firsts[order[0]] += 1;
        assert_eq!(order.len(), 3);
    }
    // One number of five is zero, and is weight zero's (RFC 2782).
    assert_eq!(firsts, [3000, 1000, 1000]);
}

#[test]
fn a_doubtful_trunk_comes_last_and_is_never_left_out() {
    let targets = vec![target(0), target(1), RouteTarget { priority: 1, ..target(2) }];
    let look = |id: TrunkId| Look { doubtful: id.index() == 0, ..Look::default() };
    assert_eq!(order(&Plan::of(targets), look), [1, 2, 0]);
}

#[test]
fn what_leads_on_is_what_the_lists_say() {
    let status = |code: u16| Failure::Status(StatusCode::new(code).unwrap());
    let plan = Plan::to(TrunkId::new(0));
    for (failure, goes_on) in [
        (status(408), true),
        (status(503), true),
        (status(599), true),
        (status(404), false),
        (status(486), false),
        (status(302), false),
        (status(603), false),
        (Failure::Timeout, true),
        (Failure::Unreachable, true),
    ] {
        assert_eq!(plan.goes_on_after(failure), goes_on, "{failure:?}");
    }
    let on =
        vec![Trigger::Class(StatusClass::RequestFailure), Trigger::Status(StatusCode::new(603).unwrap())];
    let stop = vec![Trigger::Status(StatusCode::BUSY_HERE)];
    let plan = Plan { failover_on: Triggers(on), stop_on: Triggers(stop), ..plan };
    for (failure, goes_on) in [
        (status(404), true),
        (status(486), false),
        (status(603), true),
        (status(500), false),
        (Failure::Timeout, false),
    ] {
        assert_eq!(plan.goes_on_after(failure), goes_on, "{failure:?}");
    }
}
