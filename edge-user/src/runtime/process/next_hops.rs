//! When the next hops of media are to be looked at between two seconds: when the kernel says that routes changed, when media waits for
//! a neighbour that is not known, and then until all of them have answered. A process in which nothing happens does not wake up.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior};

use crate::datapath::Datapath;

/// How often neighbours that have not answered ARP yet are looked for again, and routes that change at most.
const PACE: Duration = Duration::from_millis(20);

/// What tells that it is time.
pub(super) struct NextHopWatch {
    news: AsyncFd<std::os::fd::OwnedFd>,
    wanted: Arc<Notify>,
    pace: Interval,
    /// Whether there is something to be looked at, or looked for again.
    busy: bool,
}

impl NextHopWatch {
    /// Begins with a look.
    ///
    /// # Errors
    /// When the kernel does not let its news be waited for.
    pub(super) fn of(datapath: &Datapath) -> anyhow::Result<Self> {
        let news = datapath.route_news().and_then(|news| {
            // SAFETY: an `OwnedFd` is one descriptor for as long as it lives, and closes it at its end and not before.
            let registered = unsafe { AsyncFd::register_with_interest(news, Interest::READABLE) };
            registered.map_err(Into::into)
        });
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let wanted = datapath.neighbour_wanted();
        Ok(Self { news: news.context("the kernel's changes of routes")?, wanted, pace, busy: true })
    }

    /// Waits until it is time. Nothing is lost when that is not waited for to its end.
    pub(super) async fn due(&mut self) {
        if !self.busy {
            tokio::select! {
                // What is not taken out is looked at, all the same; the next news make it ready again.
                ready = self.news.readable() => drop(ready.map(|mut ready| ready.clear_ready())),
                () = self.wanted.notified() => {}
            }
            self.busy = true;
        }
        self.pace.tick().await;
    }

    /// After a look that found so many neighbours which have not answered.
    pub(super) const fn looked(&mut self, unanswered: usize) {
        self.busy = unanswered > 0;
    }
}
