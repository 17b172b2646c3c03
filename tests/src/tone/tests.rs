//! Reference points of G.711, and that payloads tell streams apart.

use std::collections::HashSet;
use std::env;

use super::{PACKET_OCTETS, alaw, write_alaw};

#[test]
fn samples_meet_the_reference_points() {
    // Sun's reference implementation of G.711.
    for (sample, code) in [(0, 0xD5), (8, 0xD5), (16, 0xD4), (1000, 0xFA), (12_000, 0xB2), (32_767, 0xAA)] {
        assert_eq!(alaw(sample), code, "{sample}");
    }
    assert_eq!(alaw(-32_768), 0x2A);
}

#[test]
fn no_two_packets_of_two_files_are_equal() {
    let directory = env::temp_dir();
    let mut packets = HashSet::new();
    for (name, start_hz) in [("caller", 400.0), ("called", 700.0)] {
        let path = directory.join(format!("edge-tone-{}-{name}", std::process::id()));
        write_alaw(&path, start_hz, 20).expect("the temporary directory is writable");
        let audio = std::fs::read(&path).expect("it was written");
        std::fs::remove_file(&path).expect("it is ours");
        assert_eq!(audio.len(), 20 * 50 * PACKET_OCTETS);
        packets.extend(audio.chunks(PACKET_OCTETS).map(<[u8]>::to_vec));
    }
    assert_eq!(packets.len(), 2 * 20 * 50);
}
