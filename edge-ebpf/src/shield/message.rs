//! What a SIP message is, by its first bytes (RFC 3261 section 7.1: a method is written in capitals, and a space follows).

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::frame::Frame;

/// Kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Invite,
    Register,
    Options,
    /// With a method of this length or of any other name.
    Request,
    Response,
    /// Line ends or zeros (RFC 5626 section 3.5.1).
    Keepalive,
    Garbage,
}

/// Bytes that are looked at: no method in use has a space later than the tenth.
const HEAD: usize = 8;

/// Longest keepalive: two line ends.
const KEEPALIVE_BYTES_MAX: usize = 4;

#[derive(FromBytes, IntoBytes, Immutable, Clone, Copy)]
#[repr(C, align(2))]
struct Head([u8; HEAD]);

/// The kind of the message of `len` bytes at `offset`.
#[inline(always)]
pub(super) fn kind(frame: &impl Frame, offset: usize, len: usize) -> Kind {
    if len <= KEEPALIVE_BYTES_MAX {
        return if is_keepalive(frame, offset, len) { Kind::Keepalive } else { Kind::Garbage };
    }
    if len < HEAD {
        return Kind::Garbage;
    }
    let Some(Head(head)) = frame.read(offset) else { return Kind::Garbage };
    match &head {
        b"SIP/2.0 " => Kind::Response,
        b"REGISTER" => Kind::Register,
        b"OPTIONS " => Kind::Options,
        [b'I', b'N', b'V', b'I', b'T', b'E', b' ', _] => Kind::Invite,
        _ if is_method(head) => Kind::Request,
        _ => Kind::Garbage,
    }
}

#[inline(always)]
fn is_keepalive(frame: &impl Frame, offset: usize, len: usize) -> bool {
    let first: Option<u8> = if len == 0 { Some(0) } else { frame.read(offset) };
    matches!(first, Some(0 | b'\r' | b'\n'))
}

/// Two capitals or more, then a space or more of them.
#[inline(always)]
const fn is_method(head: [u8; HEAD]) -> bool {
    let mut at = 0;
    while at < HEAD {
        match head[at] {
            b'A'..=b'Z' => {}
            b' ' => return at > 1,
            _ => return false,
        }
        at += 1;
    }
    true
}
