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

/// The same over IPv6, marked EF.
fn frame_over_ipv6() -> Vec<u8> {
    let mut frame = vec![0_u8; 12];
    frame.extend([0x86, 0xDD, 0x6B, 0x80, 0, 0, 0, 24, 17, 64]);
    let (from, to) = (
        [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20],
        [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    );
    frame.extend(from);
    frame.extend(to);
    frame.extend([0x17, 0x70, 0x4E, 0x20, 0, 24, 0, 0]);
    frame.extend([0x80, 8, 0, 7, 0, 0, 0, 160, 0, 0, 0, 5, 0xD5, 0xD5, 0xD5, 0xD5]);
    // RFC 8200 section 8.1: the pseudo-header ends in the length and the next header.
    let pseudo = super::sum(&[&from[..], &to, &[0, 0, 0, 24, 0, 0, 0, 17]].concat(), 0);
    let datagram = !super::sum(&frame[54..], pseudo);
    frame[60..62].copy_from_slice(&datagram.to_be_bytes());
    frame
}

#[test]
fn rtp_is_read() {
    for (frame, dscp) in [(frame(), 0), (frame_over_ipv6(), 46)] {
        let Some(Sighting::Rtp(packet)) = read(&frame, 1, Crossing::Arrival) else { panic!("it is RTP") };
        assert!(packet.checksums_right);
        assert_eq!((packet.ssrc, packet.sequence, packet.timestamp, packet.payload_type), (5, 7, 160, 8));
        assert_eq!((packet.from.port(), packet.to.port(), packet.dscp), (6000, 20_000, dscp));
    }
}

#[test]
fn every_changed_octet_of_the_headers_breaks_a_checksum() {
    let over_ipv4 = (26..34).chain(34..36).chain(42..58).map(|index| (frame(), index));
    let over_ipv6 = (22..54).chain(54..56).chain(62..78).map(|index| (frame_over_ipv6(), index));
    for (mut damaged, index) in over_ipv4.chain(over_ipv6) {
        damaged[index] ^= 0x01;
        if let Some(Sighting::Rtp(packet)) = read(&damaged, 1, Crossing::Arrival) {
            assert!(!packet.checksums_right, "octet {index}");
        }
    }
}

#[test]
fn cut_frames_are_no_sightings() {
    for whole in [frame(), frame_over_ipv6()] {
        for length in 0..whole.len() {
            assert!(read(&whole[..length], 1, Crossing::Arrival).is_none(), "length {length}");
        }
    }
}
