//! Sides that fall silent: speech that was agreed on and does not come.
//!
//! The host is asked when each side was heard last, once a call for each `after` of its trunks as long as all is well; what it
//! says is judged here. A side counts as silent when it is to send speech by what both sides have agreed (so not on hold, not for
//! fax, not before the answer), and no RTP of it was relayed for `after`: since the last packet, since the answer, or since the
//! call's media was changed last. Comfort noise (RFC 3389) is RTP. A call is ended only when no RTCP came either: who still
//! reports is there, and suppresses silence or has muted itself.
//!
//! Invariants: falling silent and being heard again are told once each; nothing is written down for another process, which
//! begins to listen anew.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::media::LastHeard;
use crate::policy::{Silence, SilenceEnds};

use super::{Call, Context, Side};

/// How soon it is looked again whether a silent side is heard.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How soon at least: a side's last packet may be due to be looked at just now.
const LOOK_MIN: Duration = Duration::from_secs(1);
/// How late at most: the trunks of a call, and what they agree on, change.
const LOOK_MAX: Duration = Duration::from_secs(60);

/// Who is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Silent {
    /// One side that should not be.
    Side(Side),
    /// Both.
    Both,
}

impl Display for Silent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Side(side) => {
                write!(f, "no media came from side {side:?}, for as long as its trunk allows")
            }
            Self::Both => write!(f, "no media came from either side, for as long as a trunk allows"),
        }
    }
}

/// What is wrong with the media of a call as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// One side is silent.
    OneWay,
    /// Both are.
    Dead,
}

/// What a call knows of who is heard.
#[derive(Debug)]
pub(super) struct Hearing {
    /// Nothing is expected to have come before: the answer, or the last change of its media.
    since: Instant,
    /// Since when each side is silent.
    silent_since: [Option<Instant>; 2],
    /// When the host is to be asked next.
    due: Option<Instant>,
}

/// What the host has heard of one side, beside what is expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    /// It is to send nothing.
    NotExpected,
    /// It has sent something of late.
    Heard,
    /// It has not, and there was little time to.
    Waited,
    /// It has not for as long as its trunk allows.
    Overdue,
}

/// What follows from a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    FellSilent,
    HeardAgain,
}

/// One side at one moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    fact: Fact,
    rule: Silence,
    /// How long no RTP came, as far as it was to come.
    silent_for: Duration,
    /// How long neither RTP nor RTCP did; `None` when nothing is expected.
    gone_for: Option<Duration>,
}

/// What a look at both sides has shown.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Sides that fell silent.
    pub(crate) fell_silent: u64,
    /// What was wrong before, and is now.
    pub(crate) trouble: [Trouble; 2],
    /// Why the call is to end.
    pub(crate) ends: Option<Silent>,
}

impl Hearing {
    pub(super) const fn new(now: Instant) -> Self {
        Self { since: now, silent_since: [None; 2], due: None }
    }

    pub(super) const fn silent_since(&self) -> [Option<Instant>; 2] {
        self.silent_since
    }

    const fn trouble(&self) -> Trouble {
        match self.silent_since {
            [None, None] => Trouble::None,
            [Some(_), None] | [None, Some(_)] => Trouble::OneWay,
            [Some(_), Some(_)] => Trouble::Dead,
        }
    }
}

impl Look {
    fn of(expected: bool, heard: LastHeard, since: Duration, rule: Silence) -> Self {
        let silent_for = heard.media.map_or(since, |ago| ago.min(since));
        let gone_for = heard.control.map_or(silent_for, |ago| ago.min(silent_for));
        let overdue = rule.after.is_some_and(|after| silent_for >= after);
        let fact = match (expected, overdue) {
            (false, _) => Fact::NotExpected,
            (true, true) => Fact::Overdue,
            (true, false) if heard.media.is_some_and(|ago| ago < since) => Fact::Heard,
            (true, false) => Fact::Waited,
        };
        Self { fact, rule, silent_for, gone_for: expected.then_some(gone_for) }
    }

    /// How long nothing has come, when that is for long enough to end what `ends` says.
    fn is_gone(&self, ends: &[SilenceEnds]) -> bool {
        ends.contains(&self.rule.ends) && self.gone_for.is_some_and(|gone| gone >= self.rule.end_after)
    }

    /// When something may follow from this side next.
    fn again_in(&self) -> Option<Duration> {
        let gone_for = self.gone_for?;
        let report = match self.fact {
            Fact::NotExpected => None,
            Fact::Heard | Fact::Waited => Some(self.rule.after?.saturating_sub(self.silent_for)),
            Fact::Overdue => Some(LOOK_AGAIN),
        };
        let end = match self.rule.ends {
            SilenceEnds::None => None,
            SilenceEnds::Dead | SilenceEnds::OneWay => Some(self.rule.end_after.saturating_sub(gone_for)),
        };
        report.into_iter().chain(end).min()
    }
}

/// The machine of one side: whether it is silent, and a fact; whether it is silent then, and what is told.
const fn step(silent: bool, fact: Fact) -> (bool, Option<Event>) {
    match (silent, fact) {
        (false, Fact::NotExpected | Fact::Heard | Fact::Waited) => (false, None),
        (false, Fact::Overdue) => (true, Some(Event::FellSilent)),
        (true, Fact::Heard) => (false, Some(Event::HeardAgain)),
        (true, Fact::NotExpected) => (false, None),
        // Its media was changed since, which makes nobody heard.
        (true, Fact::Waited | Fact::Overdue) => (true, None),
    }
}

/// Why a call is to end, of whose sides this was seen.
fn ends(looks: &[Look; 2]) -> Option<Silent> {
    let [a, b] = looks;
    let both = [SilenceEnds::Dead, SilenceEnds::OneWay];
    // Of two trunks that want it, the more patient one need not have waited.
    let gone_for = a.gone_for.zip(b.gone_for).map(|(a, b)| a.min(b));
    let dead = |look: &Look| {
        both.contains(&look.rule.ends) && gone_for.is_some_and(|gone| gone >= look.rule.end_after)
    };
    if looks.iter().any(dead) {
        return Some(Silent::Both);
    }
    let one_way = |look: &Look| look.is_gone(&[SilenceEnds::OneWay]);
    match (one_way(a), one_way(b)) {
        (false, false) => None,
        (true, _) => Some(Silent::Side(Side::A)),
        (false, true) => Some(Silent::Side(Side::B)),
    }
}

impl Call {
    /// Begins to listen: the call is up.
    pub(super) fn listen(&mut self, ctx: &Context<'_>) {
        self.hearing = Hearing::new(ctx.now);
        if !self.streams.are_direct() {
            self.hearing.due = self.soonest_look(ctx.now);
        }
    }

    /// Speech that was to come until now may come from elsewhere, or not at all.
    pub(super) fn listen_anew(&mut self, now: Instant) {
        self.hearing.since = now;
        if let Some(due) = self.hearing.due {
            self.hearing.due = self.soonest_look(now).map(|soonest| soonest.min(due));
        }
    }

    fn soonest_look(&self, now: Instant) -> Option<Instant> {
        let soonest = self.legs.iter().filter_map(|leg| leg.trunk.media.silence.soonest()).min();
        soonest.map(|soonest| now + soonest.clamp(LOOK_MIN, LOOK_MAX))
    }

    /// When the host is to be asked who was heard.
    pub(crate) const fn listens_at(&self) -> Option<Instant> {
        self.hearing.due
    }

    /// What is wrong with its media.
    pub(crate) const fn trouble(&self) -> Trouble {
        self.hearing.trouble()
    }

    /// Judges what was heard of each side last.
    pub(crate) fn on_media_heard(&mut self, heard: [LastHeard; 2], now: Instant) -> Judged {
        self.hearing.due = None;
        if !self.answered() {
            return Judged { trouble: [self.trouble(); 2], ..Judged::default() };
        }
        let since = now.saturating_duration_since(self.hearing.since);
        let look = |side: Side| {
            let expected = self.relayed.streams.iter().any(|stream| stream.end(side).talks);
            Look::of(expected, heard[side.index()], since, self.leg(side).trunk.media.silence)
        };
        let (looks, before) = ([look(Side::A), look(Side::B)], self.trouble());
        let mut fell_silent = 0;
        for (side, look) in [Side::A, Side::B].into_iter().zip(&looks) {
            fell_silent += u64::from(self.follow_silence(side, look, now));
        }
        let again_in = looks.iter().filter_map(Look::again_in).min().unwrap_or(LOOK_MAX);
        self.hearing.due = Some(now + again_in.clamp(LOOK_MIN, LOOK_MAX));
        let trouble = [before, self.trouble()];
        Judged { fell_silent, trouble, ends: ends(&looks) }
    }

    /// Takes note of what a side does, and tells of it; says whether it has fallen silent.
    fn follow_silence(&mut self, side: Side, look: &Look, now: Instant) -> bool {
        let former = self.hearing.silent_since[side.index()];
        let (silent, event) = step(former.is_some(), look.fact);
        let began = former.or_else(|| now.checked_sub(look.silent_for));
        self.hearing.silent_since[side.index()] = began.filter(|_| silent);
        let Some(record) = self.record.as_deref_mut() else { return false };
        let (call, trunk) = (&record.id, &self.legs[side.index()].trunk.name);
        let seconds = |time: Duration| time.as_secs();
        match event {
            Some(Event::FellSilent) => {
                record.silences[side.index()] = record.silences[side.index()].saturating_add(1);
                let rtcp = look.gone_for.is_some_and(|gone| gone < look.silent_for);
                let silent_s = seconds(look.silent_for);
                tracing::warn!(call, ?side, trunk, silent_s, rtcp, "no media comes from a side");
                true
            }
            Some(Event::HeardAgain) => {
                let silent_s = former.map_or(0, |since| seconds(now.saturating_duration_since(since)));
                tracing::info!(call, ?side, trunk, silent_s, "media comes again");
                false
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
