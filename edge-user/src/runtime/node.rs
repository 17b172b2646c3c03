//! What the process as a whole shows of itself: its name, its devices, how it is, what it counted last.
//!
//! Invariant: whoever looks delays nobody. What is counted is gathered once a second, however many look.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::config::Config;
use crate::datapath::{AddedLatency, Attached, Counter, DatapathError, read_counters, read_latencies};

use super::clock;
use super::quality::Quality;
use super::status::Status;

/// One running edge.
#[derive(Debug)]
pub struct Node {
    /// `node.name`.
    pub name: String,
    /// Since when it runs.
    pub started: SystemTime,
    /// The instant that all shards count from.
    epoch: Instant,
    /// The devices whose media is relayed.
    pub devices: Vec<Attached>,
    /// Its shards.
    pub shards: usize,
    /// How the calls of its trunks have sounded.
    pub quality: Quality,
    pin_dir: PathBuf,
    run_dir: PathBuf,
    draining: AtomicBool,
    status: Mutex<Arc<Status>>,
    /// The configuration in force, as it was read.
    text: Mutex<Arc<str>>,
}

impl Node {
    pub(super) fn new(config: &Config, devices: &[Attached], epoch: Instant) -> Self {
        Self {
            epoch,
            name: config.node.name.clone(),
            started: clock::today(),
            devices: devices.to_vec(),
            shards: config.shards,
            quality: Quality::default(),
            pin_dir: config.xdp.pin_dir.clone(),
            run_dir: config.node.run_dir.clone(),
            draining: AtomicBool::new(false),
            status: Mutex::default(),
            text: Mutex::new(Arc::clone(&config.text)),
        }
    }

    /// The time since the instant that all shards count from.
    #[must_use]
    pub fn since_epoch(&self) -> Duration {
        clock::now().saturating_duration_since(self.epoch)
    }

    /// Whether it takes no new calls, because it is going to end.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn drains(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The configuration in force, as it was read.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn goes_by(&self, text: Arc<str>) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// What was counted, up to a second ago.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn publish(&self, status: Arc<Status>) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    /// Packets by verdict, as they are now.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub fn packets(&self) -> Result<Vec<Counter>, DatapathError> {
        read_counters(&self.pin_dir, &self.name, &self.run_dir)
    }

    /// How long packets take through it by device, as it is now.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn latencies(&self) -> Result<Vec<AddedLatency>, DatapathError> {
        let devices = self.devices.iter().map(|attached| attached.device.as_str());
        read_latencies(&self.pin_dir, &self.name, &self.run_dir, devices)
    }
}
