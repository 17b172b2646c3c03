//! Calls that an earlier process has left: found in its journal, compared with what the kernel still relays, and given to the
//! shards.
//!
//! Invariants: a call that has a record gets no other, and is only ended, should a side not know of that; a media port is given
//! to one call only; the former journal stays until every call in it is in the new one, or has its record on disk.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use edge_core::Input;
use edge_core::call::{CallKey, Journaled, MediaFound};
use edge_core::edge::Shard;

use crate::cdr;
use crate::config::Config;
use crate::datapath::Datapath;
use crate::journal::{self, Journal, LeftCall};

use super::clock;

/// Calls that wait for a process to go on with them.
#[derive(Debug)]
pub(super) struct Adoption {
    calls: Vec<LeftCall>,
    /// What their times are counted from.
    epoch: SystemTime,
}

/// One of them, as its shard gets it.
#[derive(Debug)]
pub(super) struct Adopted {
    pub(super) call: Journaled,
    /// Number of its media in the datapath, if that is still there.
    pub(super) media: Result<u32, [edge_core::media::MediaReport; 2]>,
    epoch: SystemTime,
}

/// The calls by shard, and what has to be known before the first of them goes on.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) adopted: Vec<Vec<Adopted>>,
    /// Ports that they have.
    pub(super) ports: HashSet<SocketAddr>,
}

/// Shards of dialogs that their Call-ID does not lead to.
pub(super) type Elsewhere = HashMap<Box<[u8]>, usize>;

impl Adoption {
    /// What the node of `config` was doing when its process ended.
    ///
    /// # Errors
    /// When the journal or the records cannot be read, or the journal is another version's.
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let path = Journal::path(&config.node.state_dir, &config.node.name);
        let Some(left) = journal::read(&path, &config.node.run_dir)? else {
            return Ok(Self { calls: Vec::new(), epoch: SystemTime::UNIX_EPOCH });
        };
        let ids = left.calls.iter().map(|left| left.call.id().to_owned()).collect();
        let cdr = &config.cdr.path;
        let recorded = cdr::recorded(cdr, &config.node.name, &ids)
            .with_context(|| format!("cdr.path {}: cannot be read", cdr.display()))?;
        let mut calls = left.calls;
        for left in &mut calls {
            if recorded.contains(left.call.id()) {
                left.call.note_recorded();
            }
        }
        Ok(Self { calls, epoch: left.epoch })
    }

    /// The same configuration, with every side of these calls known where it is.
    pub(super) fn accommodated(&self, config: Config) -> Config {
        let policy = config.policy.accommodating(self.calls.iter().map(|left| &left.call));
        Config { policy: policy.map_or_else(|| Arc::clone(&config.policy), Arc::new), ..config }
    }

    /// Which call goes to which of so many shards: that of its caller's Call-ID, because most of what comes in has it.
    pub(super) fn share(self, datapath: &Datapath, count: usize) -> (Shared, Elsewhere) {
        let adopted = std::iter::repeat_with(Vec::new).take(count).collect();
        let (mut shared, mut elsewhere) = (Shared { adopted, ports: HashSet::new() }, Elsewhere::new());
        for LeftCall { call, media } in self.calls {
            let locals: Vec<SocketAddr> =
                call.plan().streams.iter().flat_map(|stream| [stream.a.local, stream.b.local]).collect();
            let free = locals.iter().all(|local| !shared.ports.contains(local));
            let media = if free && datapath.relays(media, call.plan()) {
                shared.ports.extend(locals);
                Ok(media)
            } else {
                Err(datapath.left_by(media, call.plan()))
            };
            let [a, b] = call.call_ids();
            let shard = Shard::of_call_id(a, count);
            let [_, left] = call.are_closed();
            if !left && Shard::of_call_id(b, count) != shard {
                elsewhere.insert(b.into(), shard);
            }
            shared.adopted[shard].push(Adopted { call, media, epoch: self.epoch });
        }
        (shared, elsewhere)
    }
}

impl Adopted {
    pub(super) const fn key(&self) -> CallKey {
        self.call.key()
    }

    /// What its shard hears of it, at once: its times are counted back from now.
    pub(super) fn found(self, media: MediaFound) -> Input {
        let since_epoch = clock::today().duration_since(self.epoch).unwrap_or_default();
        Input::CallFound { call: Box::new(self.call), since_epoch, media }
    }
}
