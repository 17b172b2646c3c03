//! Which version of the tables an object was built for, written into the object: whoever loads it looks before the kernel does.

use super::ABI_VERSION;

const TEXT: &[u8; 12] = b"edge map ABI";

/// What an object holds: the text, and [`ABI_VERSION`] in four bytes, the lowest first.
pub const STAMP: [u8; 16] = {
    let (mut stamp, version) = ([0; 16], ABI_VERSION.to_le_bytes());
    let mut at = 0;
    while at < stamp.len() {
        stamp[at] = if at < TEXT.len() { TEXT[at] } else { version[at - TEXT.len()] };
        at += 1;
    }
    stamp
};

/// The version that an object was built for; `None` when it does not say, as those before version 4.
#[must_use]
pub fn stamped(object: &[u8]) -> Option<u32> {
    let stamp = object.windows(STAMP.len()).find(|window| window.starts_with(TEXT))?;
    let version = stamp.last_chunk::<4>()?;
    Some(u32::from_le_bytes(*version))
}
