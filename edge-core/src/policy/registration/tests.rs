use super::*;

#[test]
fn waits_double_up_to_their_bound_and_are_drawn_from_their_upper_half() {
    let retry = Retry { base: Duration::from_secs(30), max: Duration::from_secs(1800) };
    for (failures, bound_s) in [(1, 60), (2, 120), (5, 960), (6, 1800), (40, 1800), (u32::MAX, 1800)] {
        for random in [0, 7, u64::MAX] {
            let wait = retry.after(failures, random);
            let bound = Duration::from_secs(bound_s);
            assert!(bound / 2 <= wait && wait < bound, "{failures} failures: {wait:?}");
        }
    }
}
