//! Each reason has its counter.

use super::*;

#[test]
fn each_reason_is_counted_by_its_name() {
    let refused = Refused::default();
    let closed = [Closed::Direction, Closed::Draining, Closed::Disabled];
    let full = [
        Refusal::Calls { max: 1 },
        Refusal::CallsIn { max: 1 },
        Refusal::CallsOut { max: 1 },
        Refusal::Rate { max: 1 },
        Refusal::GroupCalls { max: 1 },
        Refusal::GroupCallsIn { max: 1 },
        Refusal::GroupCallsOut { max: 1 },
        Refusal::GroupRate { max: 1 },
    ];
    closed.into_iter().for_each(|closed| refused.count_closed(closed));
    full.into_iter().for_each(|refusal| refused.count_refusal(refusal));
    let prefix = || "+37".to_owned();
    let guarded = [
        Guarded::Denied { prefix: prefix() },
        Guarded::Spelling,
        Guarded::Caller { max: 1 },
        Guarded::Calls { prefix: prefix(), max: 1 },
        Guarded::Rate { prefix: prefix(), max: 1 },
    ];
    guarded.iter().for_each(|guarded| refused.count_guarded(guarded));
    [NotTaken::Number, NotTaken::Caller, NotTaken::Hours]
        .into_iter()
        .for_each(|why| refused.count_not_taken(why));
    assert!(refused.named().all(|(_, count)| count == 1), "{:?}", refused.named().collect::<Vec<_>>());
    refused.count_refusal(Refusal::Rate { max: 2 });
    assert_eq!(refused.named().find(|(name, _)| *name == "max_cps"), Some(("max_cps", 2)));
}
