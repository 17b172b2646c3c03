//! The file byte by byte where that is short, and what becomes of frames and verdicts in any order.

use super::*;
use crate::datapath::{AttachMode, MediaHost};

fn devices() -> Vec<Attached> {
    let mode = MediaHost::Xdp(AttachMode::Native);
    [("outside", 3), ("inside", 4)]
        .map(|(device, ifindex)| Attached { device: device.to_owned(), ifindex, mode, below: None })
        .into()
}

fn came(arrived_ns: u64, bytes: &[u8]) -> Tapped {
    Tapped { arrived_ns, ifindex: 4, verdict: None, len: bytes.len() as u32, bytes: bytes.to_vec() }
}

fn decided(arrived_ns: u64, kind: CounterKind, reason: &'static str, bytes: &[u8]) -> Tapped {
    Tapped { verdict: Some((kind, reason)), ..came(arrived_ns, bytes) }
}

/// Kind and body of each block; both lengths of each agree, or this panics.
fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let mut found = Vec::new();
    while !file.is_empty() {
        let length = word(&file[4..8]) as usize;
        assert_eq!(length % 4, 0);
        let (block, rest) = file.split_at(length);
        assert_eq!(word(&block[length - 4..]) as usize, length);
        found.push((word(&block[..4]), block[8..length - 4].to_vec()));
        file = rest;
    }
    found
}

fn holds(block: &[u8], text: &str) -> bool {
    block.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_file_begins_with_its_section_and_its_interfaces() {
    let (_, beginning) = Recorder::new(&devices(), "edge-1-5f", 0);
    let blocks = blocks(&beginning);
    assert_eq!(blocks.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [0x0a0d_0d0a, 1, 1, 1]);
    assert_eq!(blocks[0].1[..8], [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0], "byte order and version");
    assert!(holds(&blocks[0].1, "call edge-1-5f"));
    assert!(holds(&blocks[2].1, "inside"));
    assert_eq!(blocks[1].1[..8], [1, 0, 0, 0, 0, 0, 0, 0], "Ethernet, uncut");
}

#[test]
fn a_frame_has_its_verdict_as_comment_and_is_there_again_as_it_left() {
    let (mut recorder, _) = Recorder::new(&devices(), "x", 1 << 40);
    let mut file = Vec::new();
    recorder.add(came(7, b"first"), &mut file);
    assert!(file.is_empty(), "nothing is known of it yet");
    recorder.add(decided(7, CounterKind::Relay, "rtp", b"other"), &mut file);
    recorder.add(came(8, b"second"), &mut file);
    recorder.add(decided(8, CounterKind::Drop, "unexpected_source", b""), &mut file);
    let packets = blocks(&file);
    assert_eq!(packets.len(), 3);
    assert!(packets.iter().all(|(kind, _)| *kind == 6));
    let bodies: Vec<&[u8]> = packets.iter().map(|(_, body)| body.as_slice()).collect();
    // Interface, the upper and the lower half of the time, bytes here, bytes of the frame.
    assert_eq!(bodies[0][..28], *b"\x01\0\0\0\0\x01\0\0\x07\0\0\0\x05\0\0\0\x05\0\0\0first\0\0\0");
    assert!(holds(bodies[0], "relayed: rtp"));
    assert_eq!(bodies[1][..28], *b"\x02\0\0\0\0\x01\0\0\x07\0\0\0\x05\0\0\0\x05\0\0\0other\0\0\0");
    assert!(holds(bodies[2], "second") && holds(bodies[2], "dropped: unexpected_source"));
    assert_eq!(recorder.frames(), 3);
}

#[test]
fn processors_may_overtake_each_other_and_the_late_are_not_forgotten() {
    let (mut recorder, _) = Recorder::new(&devices(), "x", 0);
    let mut file = Vec::new();
    recorder.add(decided(1, CounterKind::Relay, "rtp", b"whose arrival nobody saw"), &mut file);
    assert!(file.is_empty());
    recorder.add(came(2, b"two"), &mut file);
    recorder.add(came(3, b"three"), &mut file);
    recorder.add(decided(3, CounterKind::Relay, "rtp", b""), &mut file);
    recorder.add(decided(2, CounterKind::Drop, "short_rtp", b""), &mut file);
    let packets = blocks(&file);
    assert!(holds(&packets[0].1, "three") && holds(&packets[0].1, "and changed after this"));
    assert!(holds(&packets[1].1, "two") && holds(&packets[1].1, "short_rtp"));
    for number in 0..WAITING_MAX as u64 + 1 {
        recorder.add(came(10 + number, b"late"), &mut file);
    }
    assert_eq!(recorder.frames(), 3, "the oldest made room");
    recorder.finish(&mut file);
    assert_eq!(recorder.frames(), 3 + WAITING_MAX as u64);
    assert!(holds(&blocks(&file).last().expect("a frame").1, "the capture was late"));
}
