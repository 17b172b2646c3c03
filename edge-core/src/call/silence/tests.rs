use super::*;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn rule(ends: SilenceEnds) -> Silence {
    Silence { after: Some(seconds(10)), ends, end_after: seconds(30) }
}

/// A side that was heard so many seconds ago, by RTP and by RTCP, 100 s after the answer.
fn look(media: Option<u64>, control: Option<u64>, ends: SilenceEnds) -> Look {
    let heard = LastHeard { media: media.map(seconds), control: control.map(seconds) };
    Look::of(true, heard, seconds(100), rule(ends))
}

#[test]
fn the_whole_table_of_one_side() {
    use Event::{FellSilent, HeardAgain};
    use Fact::{Heard, NotExpected, Overdue, Waited};
    let table = [
        (false, NotExpected, false, None),
        (false, Heard, false, None),
        (false, Waited, false, None),
        (false, Overdue, true, Some(FellSilent)),
        (true, NotExpected, false, None),
        (true, Heard, false, Some(HeardAgain)),
        (true, Waited, true, None),
        (true, Overdue, true, None),
    ];
    for (silent, fact, then, event) in table {
        assert_eq!(step(silent, fact), (then, event), "{silent} {fact:?}");
    }
}

#[test]
fn what_is_heard_is_a_fact() {
    let none = SilenceEnds::None;
    let of = |expected, media: Option<u64>, since| {
        let heard = LastHeard { media: media.map(seconds), control: None };
        let Look { fact, silent_for, .. } = Look::of(expected, heard, seconds(since), rule(none));
        (fact, silent_for.as_secs())
    };
    assert_eq!(of(true, Some(1), 100), (Fact::Heard, 1));
    assert_eq!(of(true, Some(10), 100), (Fact::Overdue, 10));
    assert_eq!(of(true, None, 100), (Fact::Overdue, 100));
    assert_eq!(of(true, None, 9), (Fact::Waited, 9), "the answer, or a change, was a moment ago");
    assert_eq!(of(true, Some(50), 9), (Fact::Waited, 9), "what came before a change says nothing");
    assert_eq!(of(true, Some(50), 10), (Fact::Overdue, 10));
    assert_eq!(of(false, None, 100).0, Fact::NotExpected);
    let never = Silence { after: None, ..rule(none) };
    assert_eq!(Look::of(true, LastHeard::default(), seconds(100), never).fact, Fact::Waited);
}

#[test]
fn what_ends_a_call() {
    use SilenceEnds::{Dead, None as Never, OneWay};
    // Seconds since A was heard and what its trunk wants, the same of B, and what follows.
    let table = [
        (1, OneWay, 1, OneWay, None),
        (29, OneWay, 1, OneWay, None),
        (30, OneWay, 1, OneWay, Some(Silent::Side(Side::A))),
        (1, OneWay, 30, OneWay, Some(Silent::Side(Side::B))),
        (30, Never, 1, OneWay, None),
        (30, Dead, 1, OneWay, None),
        (30, Dead, 30, Never, Some(Silent::Both)),
        (30, Never, 30, OneWay, Some(Silent::Both)),
        (30, Never, 30, Never, None),
        (30, Dead, 29, Dead, None),
    ];
    for (a, ends_a, b, ends_b, then) in table {
        let looks = [look(Some(a), None, ends_a), look(Some(b), None, ends_b)];
        assert_eq!(ends(&looks), then, "{a} {ends_a:?} {b} {ends_b:?}");
    }
}

#[test]
fn who_reports_is_there() {
    let silent = look(Some(90), Some(3), SilenceEnds::OneWay);
    assert_eq!((silent.fact, silent.gone_for), (Fact::Overdue, Some(seconds(3))), "it is told all the same");
    assert_eq!(ends(&[silent, silent]), None);
    let gone = look(Some(90), Some(40), SilenceEnds::OneWay);
    assert_eq!(ends(&[gone, gone]), Some(Silent::Both));
}

#[test]
fn a_side_that_is_to_send_nothing_makes_no_call_dead() {
    let held = Look::of(false, LastHeard::default(), seconds(100), rule(SilenceEnds::OneWay));
    let silent = |ends| look(None, None, ends);
    assert_eq!(ends(&[silent(SilenceEnds::Dead), held]), None);
    assert_eq!(ends(&[held, silent(SilenceEnds::OneWay)]), Some(Silent::Side(Side::B)), "no music on hold");
    assert_eq!(ends(&[held, held]), None);
}

#[test]
fn it_is_looked_again_when_something_may_follow() {
    let again = |look: Look| look.again_in().map(|wait| wait.as_secs());
    assert_eq!(again(look(Some(0), None, SilenceEnds::None)), Some(10));
    assert_eq!(again(look(Some(4), None, SilenceEnds::OneWay)), Some(6));
    assert_eq!(again(look(Some(12), None, SilenceEnds::None)), Some(LOOK_AGAIN.as_secs()));
    assert_eq!(again(look(Some(28), None, SilenceEnds::Dead)), Some(2), "in time for its end");
    let held = Look::of(false, LastHeard::default(), seconds(100), rule(SilenceEnds::OneWay));
    assert_eq!(again(held), None);
    assert_eq!(rule(SilenceEnds::None).soonest(), Some(seconds(10)));
    assert_eq!(Silence { after: None, ..rule(SilenceEnds::None) }.soonest(), None);
    assert_eq!(Silence { after: None, ..rule(SilenceEnds::Dead) }.soonest(), Some(seconds(30)));
}
