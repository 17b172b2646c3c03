//! The relay without its sockets: the table of cases over its frames, its tables in files and its counters; checksums; the filter.

use std::fs;
use std::path::PathBuf;

use edge_ebpf::abi::{DIGITS, ENDPOINTS, MEDIA_ADDRESS_ROWS, NEXT_HOPS, PROFILES, RTCP_PLACES, STEADY};
use edge_ebpf::tables::Tables;
use edge_ebpf::testing::{
    BytesFrame, CARRIER, CARRIER_V6, Case, INGRESS, LOCAL_A, LOCAL_A_V6, MemoryTables, Packet, Scene, Tally,
    UdpChecksum, cases, rtp,
};
use edge_ebpf::verdict::counters;
use zerocopy::IntoBytes;

use super::super::layout::Layout;
use super::super::tables::Home;
use super::frame::HEADROOM;
use super::*;

/// A directory of its own, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("edge-relay-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn every_case_is_decided_as_everywhere() {
    for case in cases() {
        let directory = Directory::new("cases");
        let tables = tables(&directory, &case.scene);
        for (frame, verdict) in &case.before {
            assert_eq!(run(&tables, frame).0, *verdict, "{}", case.name);
        }
        let mut leaves = Vec::new();
        for frame in &case.frames {
            let (verdict, frame) = run(&tables, frame);
            assert_eq!(verdict, case.verdict, "{}", case.name);
            leaves = frame;
        }
        assert_eq!(leaves, case.leaves, "{}", case.name);
        let mut told = Vec::new();
        let mut hear = |news: super::super::DigitNews| told.push(news.event_and_ticks());
        tables.digit_queue().reader().listen(Duration::ZERO, &mut hear).expect("a queue");
        assert_eq!(told, case.told, "{}", case.name);
        let Case { endpoint, tally, .. } = case;
        assert_eq!(tables.state(endpoint).map(Tally::from), Some(tally), "{}", case.name);
    }
}

#[test]
fn damaged_frames_are_decided_as_everywhere() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % bound as u64).expect("it is below a usize")
    };
    let mut relayed = 0;
    for case in cases() {
        let directory = Directory::new("damaged");
        let (tables, memory) = (tables(&directory, &case.scene), MemoryTables::from(&case.scene));
        for frame in case.frames.iter().chain(case.before.iter().map(|(frame, _)| frame)) {
            for _ in 0..20 {
                let mut frame = frame.clone();
                let place = below(frame.len());
                frame[place] ^= 1 << below(8);
                frame.truncate(frame.len() - below(3));
                let (verdict, bytes) = run(&tables, &frame);
                let mut other = BytesFrame { bytes: frame, ifindex: INGRESS, headroom: 256, arrival_ns: 1 };
                assert_eq!(verdict, forward(&mut other, &memory), "{}: {:02x?}", case.name, other.bytes);
                assert_eq!(bytes, other.bytes, "{}", case.name);
                relayed += usize::from(matches!(verdict, Verdict::Relay(_)));
            }
        }
    }
    assert!(relayed > 200, "only {relayed} were media at all");
}

fn run(tables: &SharedTables, bytes: &[u8]) -> (Verdict, Vec<u8>) {
    let mut buffer = vec![0; HEADROOM];
    buffer.extend_from_slice(bytes);
    let mut frame = ReceivedFrame::new(&mut buffer, bytes.len()).expect("room");
    let verdict = decide(&mut frame, tables, INGRESS);
    let (start, end) = frame.bounds();
    (verdict, buffer[start..end].to_vec())
}

/// The scene in files, as an earlier run would have left them.
fn tables(directory: &Directory, scene: &Scene) -> SharedTables {
    let endpoints = u32::try_from(scene.endpoints.len()).expect("a few");
    assert_eq!(scene.media_addresses.len(), MEDIA_ADDRESS_ROWS as usize);
    let layout = Layout::of(scene.media_addresses.clone(), endpoints);
    let files = TableFiles::at(&directory.0);
    assert!(!files.prepare(&layout).expect("files"), "a new run");
    let slots: Vec<u8> = (0..endpoints).flat_map(|index| scene.slot(index).as_mut_bytes().to_vec()).collect();
    let hops =
        (0..).zip(&scene.next_hops).flat_map(|(row, _)| scene.next_hop_slot(row).as_mut_bytes().to_vec());
    let profiles =
        (0..).zip(&scene.profiles).flat_map(|(row, _)| scene.profile_slot(row).as_mut_bytes().to_vec());
    write(directory, ENDPOINTS, slots);
    write(directory, NEXT_HOPS, hops.collect());
    write(directory, PROFILES, profiles.collect());
    let digits = (0..endpoints).flat_map(|index| scene.digit_slot(index).as_mut_bytes().to_vec());
    write(directory, DIGITS, digits.collect());
    let places = (0..endpoints).flat_map(|index| scene.rtcp_places(index).as_mut_bytes().to_vec());
    write(directory, RTCP_PLACES, places.collect());
    let steady = (0..endpoints).flat_map(|index| scene.steady_slot(index).as_mut_bytes().to_vec());
    write(directory, STEADY, steady.collect());
    assert!(files.prepare(&layout).expect("files"), "the same ranges");
    SharedTables::open(Home::Files(&files, Doors::within(0)), layout, endpoints).expect("tables")
}

fn write(directory: &Directory, table: &str, bytes: Vec<u8>) {
    let version = format!("v{}", edge_ebpf::abi::ABI_VERSION);
    fs::write(directory.0.join("relay").join(version).join(table), bytes).expect("a file");
}

#[test]
fn doors_leave_descriptors_for_everything_else() {
    let doors = Doors::within(6);
    for (endpoint, port) in [(1, 45_000), (2, 45_002)] {
        doors.hold(endpoint, std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    }
    assert_eq!(doors.count(), 1, "half of six are for doors, and an endpoint has two");
    doors.release(1);
    assert_eq!(doors.count(), 0);
}

#[test]
fn other_media_ranges_begin_with_empty_tables() {
    let directory = Directory::new("ranges");
    let scene = Scene::call();
    drop(tables(&directory, &scene));
    let files = TableFiles::at(&directory.0);
    let mut rows = scene.media_addresses;
    rows[0].first_port += 2;
    let layout = Layout::of(rows, 20);
    assert!(!files.prepare(&layout).expect("files"));
    let tables = SharedTables::open(Home::Files(&files, Doors::within(0)), layout, 20).expect("tables");
    assert!(tables.in_use().0.is_empty());
    files.remove().expect("they are there");
    assert!(files.counted().expect("no file is no error").is_none());
}

#[test]
fn counters_are_the_sum_over_all_devices() {
    let directory = Directory::new("counters");
    let files = TableFiles::at(&directory.0);
    files.prepare(&Layout::of(Scene::call().media_addresses, 20)).expect("files");
    let lanes = files.open_lanes().expect("counters");
    let relayed = counters().last().expect("there are some").index;
    for lane in [0, 1, 1, 63] {
        lanes.count(lane, relayed);
    }
    lanes.count(64, relayed);
    let counted = files.counted().expect("a file").expect("counters");
    assert_eq!((counted[relayed as usize], counted.iter().sum::<u64>()), (4, 4));
}

#[test]
fn a_checksum_that_was_left_to_a_device_is_made_whole() {
    let sent = [
        Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)),
        Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 161)),
        Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)).with(|packet| packet.options = vec![7, 3, 4, 0]),
        Packet::udp_v6(CARRIER_V6, LOCAL_A_V6, rtp(1, 160, 9, 33)),
    ];
    for packet in sent {
        let right = packet.clone().build();
        let mut left = packet.with(|packet| packet.udp_checksum = UdpChecksum::None).build();
        assert_ne!(left, right);
        sum::complete(&mut left);
        assert_eq!(left, right);
    }
    for cut in 0..60 {
        let mut frame = Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)).build();
        frame.truncate(cut);
        let before = frame.clone();
        sum::complete(&mut frame);
        assert_eq!(frame, before, "a frame of {cut} bytes");
    }
}

#[test]
fn the_filter_lets_media_through_and_nothing_else() {
    let media =
        |change: fn(&mut Packet)| Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)).with(change).build();
    let v6 = || Packet::udp_v6(CARRIER_V6, LOCAL_A_V6, rtp(1, 160, 9, 160)).build();
    let (first, last) = (LOCAL_A.1, LOCAL_A.1 + 3);
    let passes = |frame: &[u8]| filtered(&filter::media((first, last)), frame, (0, 0));
    assert!(passes(&media(|_| {})) && passes(&v6()));
    assert!(passes(&media(|packet| packet.options = vec![7, 3, 4, 0])), "behind options");
    assert!(
        passes(&media(|packet| packet.destination.1 += 3))
            && passes(&media(|packet| packet.fragment = 0x2000))
    );
    let truncated = media(|_| {}).into_iter().take(30).collect();
    for (name, frame) in [
        ("port below", media(|packet| packet.destination.1 -= 1)),
        ("port above", media(|packet| packet.destination.1 += 4)),
        ("TCP", media(|packet| packet.protocol = 6)),
        ("ARP", media(|packet| packet.kind = 0x0806)),
        ("later fragment", media(|packet| packet.fragment = 0x0010)),
        ("cut off", truncated),
    ] {
        assert!(!passes(&frame), "{name}");
    }
    let program = filter::media((first, last));
    assert!(!filtered(&program, &media(|_| {}), (libc::PACKET_OTHERHOST.into(), 0)), "to another host");
    assert!(!filtered(&program, &media(|_| {}), (0, 1)), "of a VLAN on top");
    assert!(!filtered(&filter::nothing(), &media(|_| {}), (0, 0)));
}

/// Runs a program as the kernel would; `aside` is the packet's type and whether it had a VLAN tag. What lies beyond the end drops it.
fn filtered(program: &[libc::sock_filter], frame: &[u8], aside: (u32, u32)) -> bool {
    let (mut a, mut x, mut at) = (0_u32, 0_u32, 0);
    loop {
        let libc::sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let load = |from: u32, bytes: usize| -> Option<u32> {
            match from {
                0xffff_f004 => return Some(aside.0),
                0xffff_f030 => return Some(aside.1),
                _ => {}
            }
            let from = from as usize;
            let found = frame.get(from..from + bytes)?;
            Some(found.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        };
        let skip = |taken: bool| Some(usize::from(if taken { jt } else { jf }));
        let step = match u32::from(code) {
            0x20 => load(k, 4).map(|found| (found, x, 0)),
            0x28 => load(k, 2).map(|found| (found, x, 0)),
            0x30 => load(k, 1).map(|found| (found, x, 0)),
            0x48 => load(x + k, 2).map(|found| (found, x, 0)),
            0xb1 => load(k, 1).map(|found| (a, (found & 0xf) * 4, 0)),
            0x05 => Some((a, x, k as usize)),
            0x15 => skip(a == k).map(|steps| (a, x, steps)),
            0x25 => skip(a > k).map(|steps| (a, x, steps)),
            0x35 => skip(a >= k).map(|steps| (a, x, steps)),
            0x45 => skip(a & k != 0).map(|steps| (a, x, steps)),
            0x06 => return k > 0,
            other => panic!("no operation: {other:#x}"),
        };
        let Some((next_a, next_x, steps)) = step else { return false };
        (a, x, at) = (next_a, next_x, at + steps);
    }
}
