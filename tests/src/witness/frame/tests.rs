//! A frame as the wire has it, whole, cut and damaged.

use super::{Sighting, read};
use crate::witness::Crossing;

/// An RTP packet (PCMA, four octets of audio) whose checksums were computed by a Linux kernel's rules.
fn frame() -> Vec<u8> {
    let mut frame = vec![0_u8; 12];
    frame.extend([0x08, 0x00]);
    frame.extend([0x45, 0, 0, 44, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 20, 10, 0, 0, 1]);
    frame.extend([0x17, 0x70, 0x4E, 0x20, 0, 24, 0, 0]);
    frame.extend([0x80, 8, 0, 7, 0, 0, 0, 160, 0, 0, 0, 5, 0xD5, 0xD5, 0xD5, 0xD5]);
    let header = !super::sum(&frame[14..34], 0);
    frame[24..26].copy_from_slice(&header.to_be_bytes());
    let pseudo = super::sum(&[10, 0, 0, 20, 10, 0, 0, 1, 0, 17, 0, 24], 0);
    let datagram = !super::sum(&frame[34..], pseudo);
    frame[40..42].copy_from_slice(&datagram.to_be_bytes());
    frame
}

#[test]
fn rtp_is_read() {
    let Some(Sighting::Rtp(packet)) = read(&frame(), 1, Crossing::Arrival) else { panic!("it is RTP") };
    assert!(packet.checksums_right);
    assert_eq!((packet.ssrc, packet.sequence, packet.timestamp, packet.payload_type), (5, 7, 160, 8));
    assert_eq!((packet.from.port(), packet.to.port()), (6000, 20_000));
}

#[test]
fn every_changed_octet_of_the_headers_breaks_a_checksum() {
    for index in (26..34).chain(34..36).chain(42..58) {
        let mut damaged = frame();
        damaged[index] ^= 0x01;
        if let Some(Sighting::Rtp(packet)) = read(&damaged, 1, Crossing::Arrival) {
            assert!(!packet.checksums_right, "octet {index}");
        }
    }
}

#[test]
fn cut_frames_are_no_sightings() {
    let whole = frame();
    for length in 0..whole.len() {
        assert!(read(&whole[..length], 1, Crossing::Arrival).is_none(), "length {length}");
    }
}
