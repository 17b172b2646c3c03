//! Each bound, alone and with others; what a refusal takes; and who is exempt.

use super::*;
use crate::policy::tests::trunk;

const NOW: Duration = Duration::from_secs(7);

fn limited(limits: Limits) -> Trunk {
    Trunk { limits, ..trunk("t", "192.0.2.2:5060", &[]) }
}

fn admit(trunk: &Trunk, role: Role) -> Result<Admission, Refusal> {
    trunk.admit(role, Importance::Ordinary, NOW)
}

fn counts(trunk: &Trunk) -> [u32; 4] {
    [trunk.usage.calls(), trunk.usage.calls_in(), trunk.usage.calls_out(), trunk.targets.calls()]
}

#[test]
fn room_goes_back_when_it_is_dropped() {
    let trunk = limited(Limits { calls_max: Some(2), ..Limits::default() });
    let first = admit(&trunk, Role::Caller).unwrap();
    let _second = admit(&trunk, Role::Called).unwrap();
    assert_eq!(counts(&trunk), [2, 1, 1, 2]);
    assert_eq!(admit(&trunk, Role::Caller).unwrap_err(), Refusal::Calls { max: 2 });
    drop(first);
    assert_eq!(counts(&trunk), [1, 0, 1, 1]);
    assert!(admit(&trunk, Role::Caller).is_ok());
}

#[test]
fn each_direction_has_its_own_bound_and_a_refusal_takes_nothing() {
    let limits =
        Limits { calls_max: Some(3), calls_in_max: Some(1), calls_out_max: Some(2), ..Limits::default() };
    let trunk = limited(limits);
    let _in = admit(&trunk, Role::Caller).unwrap();
    assert_eq!(admit(&trunk, Role::Caller).unwrap_err(), Refusal::CallsIn { max: 1 });
    assert_eq!(counts(&trunk), [1, 1, 0, 1]);
    let _out = [(); 2].map(|()| admit(&trunk, Role::Called).unwrap());
    assert_eq!(
        admit(&trunk, Role::Called).unwrap_err(),
        Refusal::Calls { max: 3 },
        "the first that is reached"
    );
    let trunk = limited(Limits { calls_max: None, ..limits });
    let _out = [(); 2].map(|()| admit(&trunk, Role::Called).unwrap());
    assert_eq!(admit(&trunk, Role::Called).unwrap_err(), Refusal::CallsOut { max: 2 });
    assert_eq!(counts(&trunk), [2, 0, 2, 2]);
}

#[test]
fn a_burst_is_as_large_as_written_and_then_the_rate_holds() {
    let rate = |max, burst| Limits { calls_per_second_max: Some(max), burst_max: burst, ..Limits::default() };
    for (max, burst, at_once) in [(10, None, 10), (10, Some(3), 3), (10, Some(25), 25), (1, Some(1), 1)] {
        let trunk = limited(rate(max, burst));
        let passes = |now: Duration| {
            let admitted = |_: &u32| trunk.admit(Role::Caller, Importance::Ordinary, now).is_ok();
            (0..100_u32).take_while(admitted).count()
        };
        assert_eq!(passes(NOW), at_once, "{max} {burst:?}");
        assert_eq!(passes(NOW + Duration::from_secs(1)), at_once.min(max as usize), "{max} {burst:?}");
        assert_eq!(counts(&trunk), [0; 4]);
    }
}

#[test]
fn priority_is_counted_and_never_refused() {
    let nothing = Limits {
        calls_max: Some(1),
        calls_in_max: Some(1),
        calls_out_max: Some(1),
        calls_per_second_max: Some(1),
        ..Limits::default()
    };
    let trunk = limited(nothing);
    let _first = admit(&trunk, Role::Caller).unwrap();
    let _urgent = [Role::Caller, Role::Called, Role::Called]
        .map(|role| trunk.admit(role, Importance::Priority, NOW).unwrap());
    assert_eq!(counts(&trunk), [4, 2, 2, 4]);
    assert_eq!(admit(&trunk, Role::Called).unwrap_err(), Refusal::Calls { max: 1 });
}

/// Two trunks of one group.
fn grouped(limits: Limits) -> [Trunk; 2] {
    let group = Group { name: "g".into(), limits, load: Arc::default() };
    ["192.0.2.2:5060", "192.0.2.3:5060"]
        .map(|host| Trunk { group: Some(group.clone()), ..trunk("t", host, &[]) })
}

#[test]
fn the_trunks_of_a_group_have_its_bounds_together_and_a_refusal_takes_nothing_of_either() {
    let [one, other] = grouped(Limits { calls_max: Some(2), calls_out_max: Some(1), ..Limits::default() });
    let first = admit(&one, Role::Called).unwrap();
    assert_eq!(admit(&other, Role::Called).unwrap_err(), Refusal::GroupCallsOut { max: 1 });
    let _second = admit(&other, Role::Caller).unwrap();
    assert_eq!(admit(&one, Role::Caller).unwrap_err(), Refusal::GroupCalls { max: 2 });
    assert_eq!((counts(&one), counts(&other)), ([1, 0, 1, 1], [1, 1, 0, 1]));
    assert_eq!(one.group.as_ref().unwrap().load.calls(), 2);
    let urgent = one.admit(Role::Called, Importance::Priority, NOW).unwrap();
    assert_eq!(one.group.as_ref().unwrap().load.calls(), 3, "an emergency counts, and is never refused");
    drop((first, urgent));
    assert!(admit(&other, Role::Called).is_ok());
    assert!(one.readmit(Role::Called)._rooms_of_group.is_some());
}

#[test]
fn the_rate_of_a_group_is_shared_and_has_a_burst() {
    let [one, other] =
        grouped(Limits { calls_per_second_max: Some(1), burst_max: Some(2), ..Limits::default() });
    let _calls = [admit(&one, Role::Called).unwrap(), admit(&other, Role::Called).unwrap()];
    assert_eq!(admit(&one, Role::Called).unwrap_err(), Refusal::GroupRate { max: 1 });
    assert!(one.admit(Role::Called, Importance::Ordinary, NOW + Duration::from_secs(1)).is_ok());
}

#[test]
fn a_reload_keeps_what_a_group_has_and_trunks_of_one_group_go_on_together() {
    let old: Vec<_> = grouped(Limits::default()).map(Arc::new).into();
    let _call = admit(&old[0], Role::Called).unwrap();
    let mut new: Vec<_> = grouped(Limits { calls_max: Some(1), ..Limits::default() }).map(Arc::new).into();
    keep_groups(&mut new, &old);
    for trunk in &new {
        assert_eq!(admit(trunk, Role::Called).unwrap_err(), Refusal::GroupCalls { max: 1 });
    }
}
