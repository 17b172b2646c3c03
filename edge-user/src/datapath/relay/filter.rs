//! What a packet socket lets through: UDP to the media ports of its device, sent to this host. Everything else costs no copy.
//!
//! Classic BPF (Linux, `Documentation/networking/filter.rst`): the kernel's own fields lie at negative offsets.

/// Accepts the whole frame.
const WHOLE: u32 = u32::MAX;
/// `SKF_AD_OFF` and two of its fields (`linux/filter.h`).
const KERNEL: u32 = 0xffff_f000;
const PACKET_TYPE: u32 = KERNEL + 4;
const VLAN_TAG_PRESENT: u32 = KERNEL + 48;

const ETHER_KIND: u32 = 12;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const UDP: u32 = 17;
const V4_PROTOCOL: u32 = 23;
const V4_FRAGMENT: u32 = 20;
const V4_FRAGMENT_OFFSET: u32 = 0x1fff;
const V4_HEADER: u32 = 14;
/// The destination port, behind a header whose length is in X.
const V4_PORT: u32 = 14 + 2;
const V6_NEXT: u32 = 20;
const V6_PORT: u32 = 14 + 40 + 2;

const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
const LOAD_HALF: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const LOAD_HALF_AT_X: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_IND;
const HEADER_LENGTH_TO_X: u32 = libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH;
const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const AT_LEAST: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const ABOVE: u32 = libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K;
const JUMP: u32 = libc::BPF_JMP | libc::BPF_JA;
const ANY_BIT: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

const LEN: usize = 21;

/// Nothing passes.
pub(super) fn nothing() -> [libc::sock_filter; 1] {
    [step(RETURN, 0, 0, 0)]
}

/// UDP to a port from `first` to `last`.
///
/// Jumps count the steps that they skip. A frame with a VLAN tag is not for this device, but for one on top of it.
pub(super) fn media((first, last): (u16, u16)) -> [libc::sock_filter; LEN] {
    let (first, last) = (first.into(), last.into());
    [
        step(LOAD_WORD, PACKET_TYPE, 0, 0),
        step(EQUAL, libc::PACKET_HOST.into(), 0, 18),
        step(LOAD_WORD, VLAN_TAG_PRESENT, 0, 0),
        step(EQUAL, 0, 0, 16),
        step(LOAD_HALF, ETHER_KIND, 0, 0),
        step(EQUAL, IPV6, 8, 0),
        step(EQUAL, IPV4, 0, 13),
        step(LOAD_BYTE, V4_PROTOCOL, 0, 0),
        step(EQUAL, UDP, 0, 11),
        step(LOAD_HALF, V4_FRAGMENT, 0, 0),
        step(ANY_BIT, V4_FRAGMENT_OFFSET, 9, 0),
        step(HEADER_LENGTH_TO_X, V4_HEADER, 0, 0),
        step(LOAD_HALF_AT_X, V4_PORT, 0, 0),
        step(JUMP, 3, 0, 0),
        // IPv6: another header before that of UDP is no media.
        step(LOAD_BYTE, V6_NEXT, 0, 0),
        step(EQUAL, UDP, 0, 4),
        step(LOAD_HALF, V6_PORT, 0, 0),
        step(AT_LEAST, first, 0, 2),
        step(ABOVE, last, 1, 0),
        step(RETURN, WHOLE, 0, 0),
        step(RETURN, 0, 0, 0),
    ]
}

#[expect(clippy::cast_possible_truncation, reason = "an operation is a number of 16 bits")]
const fn step(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}
