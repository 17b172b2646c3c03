//! Asking the host who is heard, call by call, and what follows from that.
//!
//! A call that goes well is asked about once for each `after` of its trunks, so 50,000 of them cost five thousand questions a second
//! at most; they are asked a few at a time, because as many may be due at once, after a restart. 50,000 calls of which nobody hears
//! anything, so that ten thousand are asked about in a second, took 4 % of a core more than without (4 us a question).

use std::collections::BTreeSet;
use std::time::Instant;

use crate::call::{Call, CallKey, Cause, Trouble};
use crate::media::LastHeard;

use super::{Command, Edge};

/// Calls that are asked about between two inputs: a fraction of a millisecond of the host's time.
const AT_ONCE: usize = 256;

/// When each call is to be asked about, and what was found.
#[derive(Debug, Default)]
pub(super) struct Listening {
    /// At most one entry a call.
    due: BTreeSet<(Instant, CallKey)>,
    /// Sides that fell silent since the start.
    pub(super) silences: u64,
    /// Calls that were ended for it.
    pub(super) timeouts: u64,
    /// Calls of which one side is silent now.
    pub(super) one_way: u64,
    /// Calls of which both are.
    pub(super) dead: u64,
}

impl Listening {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// Asks about a call when it wants that now, which was at `former`.
    pub(super) fn follow(&mut self, key: CallKey, call: &Call, former: Option<Instant>) {
        if let Some(at) = former {
            self.due.remove(&(at, key));
        }
        self.due.extend(call.listens_at().map(|at| (at, key)));
    }

    /// Forgets a call.
    pub(super) fn forget(&mut self, key: CallKey, call: &Call) {
        if let Some(at) = call.listens_at() {
            self.due.remove(&(at, key));
        }
        self.count(call.trouble(), Trouble::None);
    }

    fn count(&mut self, before: Trouble, after: Trouble) {
        let mut note = |trouble, by: fn(u64) -> u64| match trouble {
            Trouble::None => {}
            Trouble::OneWay => self.one_way = by(self.one_way),
            Trouble::Dead => self.dead = by(self.dead),
        };
        note(before, |count| count.saturating_sub(1));
        note(after, |count| count.saturating_add(1));
    }
}

impl Edge {
    /// Has the host say of calls that are due when their sides were heard last.
    pub(super) fn listen(&mut self, now: Instant) {
        for _ in 0..AT_ONCE {
            let due = self.listening.due.first().filter(|(at, _)| *at <= now);
            let Some(&(at, call)) = due else { return };
            self.listening.due.remove(&(at, call));
            self.resources.commands.push_back(Command::ListenTo { call });
        }
    }

    /// The host has said it. A call about which nothing is to be done is left as it is: this happens often.
    pub(super) fn on_media_heard(&mut self, key: CallKey, heard: [LastHeard; 2], now: Instant) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        let former = call.listens_at();
        let judged = call.on_media_heard(heard, now);
        self.listening.follow(key, call, former);
        let [before, after] = judged.trouble;
        self.listening.silences += judged.fell_silent;
        self.listening.count(before, after);
        if let Some(silent) = judged.ends {
            self.listening.timeouts += 1;
            self.with_call(key, now, |call, ctx| call.terminate(Cause::MediaTimeout(silent), ctx));
        }
    }
}
