//! In which order calls are shown.

use std::cmp::Ordering;

use crate::admin::{Call, Leg};

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// Calls with something wrong, the worst before others; the rest as they came.
    #[default]
    Trouble,
    /// Those that have been talked for longest.
    Age,
    /// Those that lose the greatest part of their packets, on their way here or by a side's own report.
    Loss,
    /// Those with most jitter, as it came or as a side reports it.
    Jitter,
}

impl Order {
    /// Each with the key that asks for it; j and k scroll, as in other programs.
    pub(super) const ALL: [(char, Self); 4] =
        [('t', Self::Trouble), ('a', Self::Age), ('l', Self::Loss), ('i', Self::Jitter)];

    /// What a key asks for.
    pub(super) fn of_key(key: char) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == key).map(|(_, order)| order)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Age => "age",
            Self::Loss => "loss",
            Self::Jitter => "jitter",
        }
    }

    /// Sorts calls; those that are alike stay as they came.
    pub(super) fn sort(self, calls: &mut [Call]) {
        match self {
            Self::Trouble => {
                calls.sort_by_key(|call| (call.trouble.is_empty(), call.trouble.first().copied()))
            }
            Self::Age => calls.sort_by_key(|call| std::cmp::Reverse(call.talk_s)),
            Self::Loss => calls.sort_by(|one, other| most_first(one, other, loss)),
            Self::Jitter => calls.sort_by(|one, other| most_first(one, other, jitter_ms)),
        }
    }
}

fn most_first(one: &Call, other: &Call, of: fn(&Call) -> f64) -> Ordering {
    of(other).total_cmp(&of(one))
}

/// The greatest part of its packets that a side of a call has lost; a report is about what came from the other side.
fn loss(call: &Call) -> f64 {
    let sent =
        |leg: Option<&Leg>| leg.and_then(|leg| leg.received.as_ref()).map_or(0, |it| it.packets + it.lost);
    let part = |lost: u64, of: u64| if of == 0 { 0.0 } else { lost as f64 / of as f64 };
    let (a, b) = (Some(&call.a), call.b.as_ref());
    [(a, b), (b, a)].into_iter().fold(0.0, |worst: f64, (side, other)| {
        let received = side.and_then(|side| side.received.as_ref()).map_or(0, |it| it.lost);
        let reported = side.and_then(|side| side.reported.as_ref()).map_or(0, |it| it.lost);
        let reported = part(u64::try_from(reported).unwrap_or(0), sent(other));
        worst.max(part(received, sent(side))).max(reported)
    })
}

fn jitter_ms(call: &Call) -> f64 {
    [Some(&call.a), call.b.as_ref()].into_iter().flatten().fold(0.0, |worst: f64, side| {
        let received = side.received.as_ref().map_or(0.0, |it| it.jitter_ms);
        let reported = side.reported.as_ref().map_or(0.0, |it| it.jitter_ms);
        worst.max(received).max(reported)
    })
}
