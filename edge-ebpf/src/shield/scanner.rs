//! Signatures of scanners: what tools that look for open doors write into User-Agent, From or To. Whoever hides it passes;
//! what is found here is the great bulk that does not.

use crate::frame::Frame;

/// Bytes of a message that are looked at: the first headers.
const LOOKED_AT: usize = 512;

/// Eight bytes of each signature, in lower case, as the window below makes it: it sets the bit of lower case in every byte,
/// which leaves `-`, `/` and digits, makes `@` a backtick and a line's end `-*`.
const SIGNATURES: [&[u8; 8]; 11] = [
    b"ly-scann", // friendly-scanner
    b"ly-reque", // friendly-request
    b"sipvicio", // sipvicious
    b"sipcli/v",
    b"sundaydd", // sundayddr
    b"sip-scan",
    b"sipscan-", // at the end of a line
    b"vaxsipus", // VaxSIPUserAgent
    b"sipsak 0",
    b"pplsip-*", // at the end of a line
    b"nm2`nm2>", // the To of nmap's probe
];

/// Whether the message of `len` bytes at `offset` shows a scanner's signature.
#[inline(always)]
pub(super) fn is_signed(frame: &impl Frame, offset: usize, len: usize) -> bool {
    let mut window: u64 = 0;
    for at in 0..LOOKED_AT {
        if at >= len {
            return false;
        }
        let Some(byte) = frame.read::<u8>(offset + at) else { return false };
        window = window << 8 | u64::from(byte | 0x20);
        if is_signature(window) {
            return true;
        }
    }
    false
}

#[inline(always)]
const fn is_signature(window: u64) -> bool {
    let mut at = 0;
    while at < SIGNATURES.len() {
        if window == u64::from_be_bytes(*SIGNATURES[at]) {
            return true;
        }
        at += 1;
    }
    false
}
