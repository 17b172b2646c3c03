//! Calls that another process began, and that this one goes on with.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::call::{Cause, Clock, Journaled, MediaFound, Resumption, Side, Standing};

use super::{Command, Edge, shard};

impl Edge {
    /// Writes down what has changed since it was asked last.
    pub(super) fn write_down(&mut self) {
        for key in self.unwritten.drain(..) {
            let Some(call) = self.calls.get_mut(&key) else { continue };
            call.noted = false;
            call.keep_journal(&mut self.resources.at(self.now));
        }
    }

    /// Keeps media ports free for calls that another process began: before the first input, with the ports of all such
    /// calls whose media is still there, whichever shard goes on with them.
    pub fn withhold_ports(&mut self, ports: &HashSet<SocketAddr>) {
        self.resources.ports.withhold(ports);
    }

    /// Ends the calls that nobody has answered: nobody could go on with them.
    pub(super) fn refuse_unanswered(&mut self, now: Instant) {
        let unanswered = self.calls.iter().filter(|(_, call)| call.standing() == Standing::Unanswered);
        let mut unanswered: Vec<_> = unanswered.map(|(key, _)| *key).collect();
        unanswered.sort_unstable();
        for key in unanswered {
            self.with_call(key, now, |call, ctx| call.terminate(Cause::Drained, ctx));
        }
    }

    /// Goes on with a call, or ends it for good.
    pub(super) fn go_on(&mut self, call: Journaled, since_epoch: Duration, media: MediaFound, now: Instant) {
        let key = call.key();
        let policy = std::sync::Arc::clone(&self.policy);
        let mut ctx = self.resources.at(now);
        match call.resume(media, &policy, Clock::new(now, since_epoch), &mut ctx) {
            Resumption::Call(call) => {
                self.counters.calls_adopted += 1;
                // Before it is entered: it may be over at once.
                for side in [Side::A, Side::B].into_iter().filter(|side| !call.is_closed(*side)) {
                    let dialog = call.dialog(side);
                    self.tell_home_of(&dialog.call_id, shard::tag_number(&dialog.local_tag));
                }
                self.enter(key, *call, now);
            }
            Resumption::Over(record) => {
                record.into_iter().for_each(|record| ctx.command(Command::WriteRecord(record)));
                ctx.command(Command::Forget { call: key });
            }
        }
    }
}
