//! How the journal lies on disk.
//!
//! ```text
//! head:  "edge journal\n"  version u8  snapshot version u8  epoch u64 (ns since 1970)  CRC-32 of all that u32
//! entry: length u32  CRC-32 of what follows u32  kind u8  call u64  [media u32  snapshot]
//! ```
//!
//! Integers are little-endian; a length is that of what follows the checksum.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use edge_core::call::{CallKey, JOURNAL_VERSION};

use super::Note;

/// Version of the file; the snapshots in it have one of their own.
pub(super) const VERSION: u8 = 1;

const MAGIC: &[u8] = b"edge journal\n";

/// Bytes of a head.
pub(super) const HEAD: usize = MAGIC.len() + 2 + 8 + 4;

/// Bytes before what a checksum covers.
const FRAME: usize = 8;

/// Longest entry: two session descriptions a side of 32 kB, said and heard, and the rest of a call.
const ENTRY_MAX: usize = 512 << 10;

const WRITE: u8 = 1;
const FORGET: u8 = 2;

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// One of this version: when its times begin.
    Ours { epoch: SystemTime },
    /// One of others.
    Foreign { version: u8, snapshots: u8 },
    /// None at all.
    Damaged,
}

pub(super) fn head(epoch: SystemTime) -> Vec<u8> {
    let since = epoch.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut head = MAGIC.to_vec();
    head.extend([VERSION, JOURNAL_VERSION]);
    head.extend(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).to_le_bytes());
    head.extend(crc32fast::hash(&head).to_le_bytes());
    head
}

pub(super) fn read_head(bytes: &[u8]) -> Head {
    let Some(rest) = bytes.strip_prefix(MAGIC) else { return Head::Damaged };
    let Some(([version, snapshots], rest)) = rest.split_first_chunk::<2>() else { return Head::Damaged };
    // The two versions are the one thing that all versions have in common.
    if (*version, *snapshots) != (VERSION, JOURNAL_VERSION) {
        return Head::Foreign { version: *version, snapshots: *snapshots };
    }
    let Some((epoch, rest)) = rest.split_first_chunk::<8>() else { return Head::Damaged };
    let Some((sum, _)) = rest.split_first_chunk::<4>() else { return Head::Damaged };
    if crc32fast::hash(&bytes[..HEAD - 4]) != u32::from_le_bytes(*sum) {
        return Head::Damaged;
    }
    let since = Duration::from_nanos(u64::from_le_bytes(*epoch));
    SystemTime::UNIX_EPOCH.checked_add(since).map_or(Head::Damaged, |epoch| Head::Ours { epoch })
}

/// Adds a note to `out`; says how many bytes that took, and `None` for what is no entry.
pub(super) fn append(note: &Note, out: &mut Vec<u8>) -> Option<usize> {
    let start = out.len();
    out.extend([0; FRAME]);
    match note {
        Note::Write { call, media, entry } => {
            out.push(WRITE);
            out.extend(call.number().to_le_bytes());
            out.extend(media.to_le_bytes());
            out.extend_from_slice(entry);
        }
        Note::Forget { call } => {
            out.push(FORGET);
            out.extend(call.number().to_le_bytes());
        }
        Note::Replace | Note::Mark(_) => {
            out.truncate(start);
            return None;
        }
    }
    let body = start + FRAME;
    let (length, sum) = (out.len() - body, crc32fast::hash(&out[body..]));
    let fits = u32::try_from(length).ok().filter(|_| length <= ENTRY_MAX);
    let Some(length) = fits else {
        out.truncate(start);
        return None;
    };
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..body].copy_from_slice(&sum.to_le_bytes());
    Some(out.len() - start)
}

/// The first entry of `bytes` and what is behind it; `None` when it is cut short or damaged.
pub(super) fn next(bytes: &Bytes) -> Option<(Note, Bytes)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= ENTRY_MAX)?;
    let body = rest.get(..length)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (kind, rest) = body.split_first()?;
    let (call, rest) = rest.split_first_chunk::<8>()?;
    let call = CallKey::from_number(u64::from_le_bytes(*call));
    let note = match *kind {
        WRITE => {
            let (media, entry) = rest.split_first_chunk::<4>()?;
            Note::Write { call, media: u32::from_le_bytes(*media), entry: bytes.slice_ref(entry) }
        }
        FORGET if rest.is_empty() => Note::Forget { call },
        _ => return None,
    };
    Some((note, bytes.slice(FRAME + length..)))
}
