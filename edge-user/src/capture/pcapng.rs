//! The capture file format pcapng (draft-ietf-opsawg-pcapng): three kinds of blocks of it, in little endian.

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

/// Says which byte order the section is in.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Major version 1, minor version 0.
const VERSION: u32 = 1;
const LENGTH_UNKNOWN: u64 = u64::MAX;
const ETHERNET: u32 = 1;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_DESCRIPTION: u16 = 3;
const INTERFACE_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;

/// Times are in units of 10^-9 seconds.
const NANOSECONDS: u8 = 9;
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

/// What every file begins with.
pub(super) fn section(out: &mut Vec<u8>, application: &str, comment: &str) {
    block(out, SECTION, |out| {
        out.extend(BYTE_ORDER.to_le_bytes());
        out.extend(VERSION.to_le_bytes());
        out.extend(LENGTH_UNKNOWN.to_le_bytes());
        option(out, OPTION_COMMENT, comment.as_bytes());
        option(out, SECTION_APPLICATION, application.as_bytes());
        option(out, OPTION_END, &[]);
    });
}

/// One more interface; they are numbered in their order.
pub(super) fn interface(out: &mut Vec<u8>, name: &str, description: &str) {
    block(out, INTERFACE, |out| {
        out.extend(ETHERNET.to_le_bytes());
        // As much of a frame as there is.
        out.extend(0_u32.to_le_bytes());
        option(out, INTERFACE_NAME, name.as_bytes());
        option(out, INTERFACE_DESCRIPTION, description.as_bytes());
        option(out, INTERFACE_RESOLUTION, &[NANOSECONDS]);
        option(out, OPTION_END, &[]);
    });
}

/// A frame.
pub(super) struct Packet<'a> {
    pub(super) interface: u32,
    /// Since 1970, in nanoseconds.
    pub(super) time_ns: u64,
    /// Of the whole frame.
    pub(super) len: u32,
    /// As much of it as there is.
    pub(super) bytes: &'a [u8],
    pub(super) leaves: bool,
    /// Nothing when empty.
    pub(super) comment: &'a str,
}

impl Packet<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let &Self { interface, time_ns, len, bytes, leaves, comment } = self;
        block(out, ENHANCED_PACKET, |out| {
            out.extend(interface.to_le_bytes());
            out.extend(((time_ns >> 32) as u32).to_le_bytes());
            out.extend((time_ns as u32).to_le_bytes());
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend(len.to_le_bytes());
            padded(out, bytes);
            let way = if leaves { OUTBOUND } else { INBOUND };
            option(out, PACKET_FLAGS, &way.to_le_bytes());
            if !comment.is_empty() {
                option(out, OPTION_COMMENT, comment.as_bytes());
            }
            option(out, OPTION_END, &[]);
        });
    }
}

/// A block is its kind, its length, what it holds, and its length once more.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    body(out);
    let length = ((out.len() - start + 4) as u32).to_le_bytes();
    out.extend(length);
    out[start + 4..start + 8].copy_from_slice(&length);
}

/// Ours are short: a value of 64 KiB or more does not come.
fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend(code.to_le_bytes());
    out.extend((value.len() as u16).to_le_bytes());
    padded(out, value);
}

/// Everything begins at a multiple of four.
fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
}
