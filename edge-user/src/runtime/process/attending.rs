//! What the process does while calls run: reading signals and orders, and what is due each second.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::bail;
use edge_core::policy::Policy;
use tokio::sync::mpsc;

use crate::config::Changes;
use crate::runtime::control::Order;
use crate::runtime::resolver::{self, Finding};
use crate::runtime::shard::{Farewell, Notice};
use crate::runtime::signals::Signals;
use crate::runtime::status::Status;
use crate::runtime::{memory, reload};

use super::next_hops::NextHopWatch;
use super::{MEMORY_BACK, Process};

impl Process {
    pub(in crate::runtime) async fn attend(
        mut self,
        mut signals: Signals,
        mut orders: mpsc::Receiver<Order>,
        file: &Path,
    ) -> anyhow::Result<()> {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut next_hops = NextHopWatch::of(&self.datapath)?;
        let mut lost = None;
        while lost.is_none() {
            tokio::select! {
                _ = second.tick() => {
                    self.tick();
                    lost = self.datapath.lost_device();
                }
                finding = self.resolver.next() => self.on_found(finding),
                () = next_hops.due() => next_hops.looked(self.datapath.resolve_next_hops()),
                _ = signals.hangup.recv() => drop(self.reload(file, false)),
                Some(order) = orders.recv() => self.obey(order, file),
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.leave.recv() => {
                    tracing::info!("ending without its calls: whoever is this node next goes on with them");
                    return self.end(Farewell::Leave);
                }
            }
        }
        let Some(device) = lost else {
            self.drain(&mut signals, &mut second).await;
            return self.stop();
        };
        // What goes through it cannot be helped; whoever supervises edge starts it again when the device is back.
        tracing::error!(device, "the device is gone: edge ends");
        self.stop()?;
        bail!("device {device} is gone")
    }

    pub(super) fn obey(&mut self, order: Order, file: &Path) {
        match order {
            Order::Reload { dry_run, outcome } => drop(outcome.send(self.reload(file, dry_run))),
            Order::Tap { endpoints, reply } => self.tapping.prepare(&self.datapath, endpoints, reply),
            Order::TapReady { ready, reply } => self.tapping.begin(&mut self.datapath, ready, reply),
        }
    }

    /// What is due each second.
    pub(super) fn tick(&mut self) {
        self.tapping.end_when_left(&mut self.datapath);
        if let Some(policy) = self.policy.without_deserted() {
            self.replace_policy(Arc::new(policy));
        }
        self.datapath.refresh();
        self.follow_guests();
        self.registrations.keep(&self.policy);
        self.reception.shield.tick();
        self.publish();
        self.memory_back_in = match self.memory_back_in {
            Some(0) => {
                memory::give_back();
                None
            }
            Some(left) => Some(left - 1),
            None => None,
        };
    }

    /// The shield lets through who has proven itself to be a trunk.
    fn follow_guests(&mut self) {
        self.policy.expire_guests(self.node.since_epoch());
        let changes = self.policy.guests_changed();
        if std::mem::replace(&mut self.guests_followed, changes) != changes {
            self.reception.shield.follow(&self.policy);
        }
    }

    /// DNS has said something about the name of a trunk.
    fn on_found(&mut self, finding: Finding) {
        if let Some(policy) = resolver::found(&self.policy, finding) {
            self.replace_policy(policy);
        }
    }

    /// From now on calls are decided by `policy`.
    pub(super) fn replace_policy(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
        // The one that it was started with is not to be kept beside.
        self.config.policy = Arc::clone(&self.policy);
        self.reception.shield.follow(&self.policy);
        self.reception.replace_policy(Arc::clone(&self.policy));
        for shard in &self.shards {
            drop(shard.send(Notice::Policy(Arc::clone(&self.policy))));
        }
    }

    pub(super) fn publish(&self) {
        let status = Arc::new(Status::gather(
            &self.reception,
            (&self.streams, &self.tones),
            &self.statuses,
            &self.records,
            &self.journal,
        ));
        self.node.publish(Arc::clone(&status));
        if let Err(error) = status.write(&self.config.node.run_dir) {
            let said = self.unpublished.swap(true, Ordering::Relaxed);
            if !said {
                let run_dir = self.config.node.run_dir.display();
                tracing::warn!(
                    "counters are not published: node.run_dir {run_dir} cannot be written: {error}"
                );
            }
        }
    }

    pub(super) fn reload(&mut self, file: &Path, dry_run: bool) -> Result<Changes, String> {
        self.memory_back_in = Some(MEMORY_BACK);
        let loaded = reload::load(file, &self.config, &self.node.text(), &self.policy);
        let watched = loaded.and_then(|loaded| {
            if !dry_run {
                self.resolver.watch(loaded.policy.questions())?;
            }
            Ok(loaded)
        });
        match watched {
            Ok(loaded) if dry_run => Ok(loaded.changes),
            Ok(loaded) => {
                let said = loaded.said();
                self.reception.replace_keyring(Arc::new(loaded.keyring));
                self.replace_policy(loaded.policy);
                self.config.text = Arc::clone(&loaded.text);
                self.node.goes_by(loaded.text);
                tracing::info!(
                    trunks = self.policy.trunks.len(),
                    routes = self.policy.routes.all().len(),
                    changes = loaded.changes.count,
                    "configuration reloaded: {said}"
                );
                Ok(loaded.changes)
            }
            Err(error) if dry_run => Err(format!("{error:#}")),
            Err(error) => {
                tracing::error!("configuration not reloaded, nothing changed: {error:#}");
                Err(format!("{error:#}"))
            }
        }
    }
}
