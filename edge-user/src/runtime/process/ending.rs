//! The end of the process: draining, the last messages, and what is taken down.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;

use crate::runtime::shard::{Farewell, Notice};
use crate::runtime::signals::Signals;
use crate::runtime::status;

use super::Process;

/// How long a drained process waits for the last answers after it has hung up: a BYE is sent four times in it. A
/// peer that says nothing shall not keep the process.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

impl Process {
    /// Waits until no call is left, the grace and the farewells are over, or a second signal comes.
    pub(super) async fn drain(&mut self, signals: &mut Signals, second: &mut tokio::time::Interval) {
        let grace = self.config.drain.grace;
        self.node.drains();
        tracing::info!(
            grace_s = grace.as_secs_f64(),
            "draining: no new calls; send the signal again to end at once"
        );
        for shard in &self.shards {
            drop(shard.send(Notice::Drain(grace)));
        }
        let patience = tokio::time::sleep(grace + FAREWELL_MAX);
        tokio::pin!(patience);
        let mut poll = tokio::time::interval(Duration::from_millis(50));
        let mut left = self.shards.len();
        while left > 0 {
            tokio::select! {
                _ = poll.tick() => left -= self.drained.try_iter().count(),
                _ = second.tick() => self.tick(),
                () = &mut patience => return tracing::warn!("calls are left after the grace"),
                _ = signals.terminate.recv() => return tracing::warn!("told again: calls may be left"),
                _ = signals.interrupt.recv() => return tracing::warn!("told again: calls may be left"),
            }
        }
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.end(Farewell::HangUp)
    }

    pub(in crate::runtime) fn end(self, farewell: Farewell) -> anyhow::Result<()> {
        self.publish();
        self.reception.stopping.store(true, Ordering::Relaxed);
        for shard in &self.shards {
            drop(shard.send(Notice::Stop(farewell)));
        }
        for thread in self.receivers.into_iter().chain(self.workers) {
            if thread.join().is_err() {
                tracing::error!("a thread ended by a panic");
            }
        }
        self.registrations.keep(&self.policy);
        // Whatever one of them meets, the others are done, too.
        let records = self.records.finish().context("call records");
        let journal = self.journal.finish();
        let detached = match farewell {
            Farewell::HangUp => self.datapath.shutdown().context("detaching the XDP program"),
            Farewell::Leave => Ok(()),
        };
        status::remove(&self.config.node.run_dir);
        tracing::info!("edge has ended");
        records.and(journal).and(detached)
    }
}
