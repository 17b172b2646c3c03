//! A dialog as it is written down for another process.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Dialog;
use crate::transaction::Path;

/// CSeq numbers that are set aside each time: a journal is written again when they are used up, and a process that goes
/// on begins after them (RFC 3261 section 12.2.1.1 wants a higher number, not the next one).
const SEQUENCE_STEP: u32 = 64;

/// RFC 3261 section 8.1.1.5: below 2^31.
const SEQUENCE_END: u32 = 1 << 31;

/// A [`Dialog`] without its path, and without the peer's CSeq: the newest number is not worth a write for each request, and
/// an older one would refuse what the peer says next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DialogSnapshot {
    call_id: Bytes,
    local_tag: Bytes,
    remote_tag: Option<Bytes>,
    local: Bytes,
    remote: Bytes,
    remote_target: Bytes,
    route_set: Vec<Bytes>,
    sent_by: Bytes,
    asked_secure: bool,
    /// No number above it was ever used.
    local_seq: u32,
}

impl Dialog {
    /// What another process has to know of it.
    pub(crate) fn snapshot(&self) -> DialogSnapshot {
        DialogSnapshot {
            call_id: self.call_id.clone(),
            local_tag: self.local_tag.clone(),
            remote_tag: self.remote_tag.clone(),
            local: self.local.clone(),
            remote: self.remote.clone(),
            remote_target: self.remote_target.clone(),
            route_set: self.route_set.clone(),
            sent_by: self.sent_by.clone(),
            asked_secure: self.asked_secure,
            local_seq: (self.local_seq / SEQUENCE_STEP + 2) * SEQUENCE_STEP,
        }
    }
}

impl DialogSnapshot {
    pub(crate) fn call_id(&self) -> &[u8] {
        &self.call_id
    }

    /// Above every number that was ever used.
    pub(crate) const fn local_seq(&self) -> u32 {
        self.local_seq
    }

    /// Whether it can have been a dialog: nothing in it may break out of its header.
    pub(crate) fn is_sound(&self) -> bool {
        let Self { call_id, local_tag, remote_tag, local, remote, remote_target, route_set, sent_by, .. } =
            self;
        let parts = [call_id, local_tag, local, remote, remote_target, sent_by];
        let mut parts = parts.into_iter().chain(remote_tag).chain(route_set);
        self.local_seq < SEQUENCE_END && parts.all(|part| !part.iter().any(|byte| b"\r\n\0".contains(byte)))
    }

    /// The dialog, over `path`.
    pub(crate) fn restore(self, path: Path) -> Dialog {
        let Self { call_id, local_tag, remote_tag, local, remote, remote_target, route_set, .. } = self;
        Dialog {
            call_id,
            local_tag,
            remote_tag,
            local,
            remote,
            remote_target,
            route_set,
            sent_by: self.sent_by,
            asked_secure: self.asked_secure,
            local_seq: self.local_seq,
            remote_seq: None,
            path,
            rules: None,
        }
    }
}
