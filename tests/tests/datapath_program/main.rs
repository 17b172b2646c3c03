//! The loaded XDP program decides as the host does.
//!
//! `BPF_PROG_TEST_RUN` runs the program that `edge run` attaches, with the table of cases that the unit tests of
//! edge-ebpf use, and with thousands of generated frames: verdict, bytes and counts must be the same. `live` and
//! `lifecycle` then attach it to real devices.

#![expect(clippy::expect_used, reason = "a test stops where it cannot go on")]

mod kernel;
mod lifecycle;
mod live;
mod shield;
mod tap;
mod vlan;

use edge_ebpf::abi::{
    Endpoint, EndpointState, Offender, Quality, SOURCE_LATCH, SOURCE_PORT, SOURCE_STRICT, SOURCE_SUBNET,
};
use edge_ebpf::forward::forward;
use edge_ebpf::tables::Tables;
use edge_ebpf::testing::Family::{V4, V6};
use edge_ebpf::testing::{
    BytesFrame, CARRIER, CARRIER_V6, Case, Family, INGRESS, LOCAL_A, LOCAL_A_V6, LOCAL_B, LOCAL_B_V6,
    MemoryTables, PBX, PBX_V6, Packet, Scene, Tally, UdpChecksum, VID, cases, rtcp, rtp, tagged,
    tagged_cases, vlans,
};
use edge_ebpf::verdict::{DropReason, Verdict};

use kernel::{ENDPOINTS, Kernel};

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn every_case() {
    let mut kernel = Kernel::load();
    for case in cases() {
        run(&mut kernel, &case);
    }
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn every_case_between_vlans() {
    let mut kernel = Kernel::load();
    for case in tagged_cases() {
        run(&mut kernel, &case);
    }
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn a_missing_device_is_a_drop_with_its_own_reason() {
    let mut kernel = Kernel::load();
    kernel.set(&Scene::call().hop(|hop| hop.device = 5));
    let frame = Packet::udp(CARRIER, LOCAL_A, rtp(1, 160, 9, 160)).build();
    let counted = kernel.run(&frame).counter;
    assert_eq!(counted, Verdict::Drop(DropReason::NoDevice).counter());
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn generated_frames_are_decided_alike() {
    let mut kernel = Kernel::load();
    let policy = |source_policy| {
        Scene::call().near(|e| *e = Endpoint { source_policy, source_prefix: 120, generation: 1, ..*e })
    };
    for source_policy in [SOURCE_STRICT, SOURCE_PORT, SOURCE_SUBNET, SOURCE_LATCH] {
        agree(&mut kernel, &policy(source_policy), (V4, V4));
    }
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn generated_frames_of_both_families_are_decided_alike() {
    let mut kernel = Kernel::load();
    for (carrier, pbx) in [(V4, V6), (V6, V4), (V6, V6)] {
        for source_policy in [SOURCE_STRICT, SOURCE_PORT, SOURCE_SUBNET, SOURCE_LATCH] {
            let scene = Scene::between(carrier, pbx).near(|e| {
                *e = Endpoint { source_policy, source_prefix: 120, generation: 1, ..*e };
            });
            agree(&mut kernel, &scene, (carrier, pbx));
        }
    }
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn generated_frames_with_tags_are_decided_alike() {
    let mut kernel = Kernel::load();
    let ways = [(false, false), (true, false), (false, true), (true, true)];
    let families = [(V4, V4), (V4, V6), (V6, V4), (V6, V6)];
    for ((came, leaves), families) in ways.into_iter().zip(families).chain([((true, true), (V4, V4))]) {
        let scene = vlans(Scene::between(families.0, families.1), came, leaves);
        // Of five frames two have the right tag, if one is right.
        let tag = |random: &mut Random, frame: Vec<u8>| match random.below(5) {
            0 => frame,
            1 => tagged(&frame, u16::from(random.byte()) & 7),
            2 => tagged(&tagged(&frame, VID), VID),
            _ => tagged(&frame, if came { VID } else { 0 }),
        };
        agree_on(&mut kernel, &scene, families, tag);
    }
}

fn agree(kernel: &mut Kernel, scene: &Scene, families: (Family, Family)) {
    agree_on(kernel, scene, families, |_, frame| frame);
}

fn agree_on(
    kernel: &mut Kernel,
    scene: &Scene,
    families: (Family, Family),
    change: impl Fn(&mut Random, Vec<u8>) -> Vec<u8>,
) {
    kernel.set(scene);
    let tables = MemoryTables::from(scene);
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut relayed = 0;
    for number in 0..5000 {
        let frame = random.frame(families);
        let frame = change(&mut random, frame);
        let host = decide(&tables, &frame);
        let loaded = kernel.run(&frame);
        assert_eq!(
            (loaded.counter, &loaded.frame),
            (host.0.counter(), &host.1),
            "frame {number}: {frame:02x?}"
        );
        relayed += u32::from(matches!(host.0, Verdict::Relay(_)));
    }
    assert!(relayed > 500, "only {relayed} generated frames were media at all");
    for index in 0..ENDPOINTS {
        let state = tables.state(index).expect("the scene has it");
        assert_eq!(kernel.tally(index), Tally::from(state), "endpoint {index}");
        assert_eq!(heard(&kernel.state(index)), heard(state), "endpoint {index}");
    }
}

/// What was heard at an endpoint, and from whom not: without what depends on the clock.
fn heard(state: &EndpointState) -> (Quality, Option<Offender>) {
    let quality = Quality { largest_gap_ns: 0, spacing: Default::default(), ..state.quality() };
    (quality, state.offender())
}

fn run(kernel: &mut Kernel, case: &Case) {
    kernel.set(&case.scene);
    for (frame, verdict) in &case.before {
        assert_eq!(kernel.run(frame).counter, verdict.counter(), "{}", case.name);
    }
    let mut leaves = Vec::new();
    for frame in &case.frames {
        let ran = kernel.run(frame);
        assert_eq!(ran.counter, case.verdict.counter(), "{}", case.name);
        assert_eq!(ran.action, kernel::action(case.verdict), "{}", case.name);
        leaves = ran.frame;
    }
    assert_eq!(leaves, case.leaves, "{}", case.name);
    assert_eq!(kernel.tally(case.endpoint), case.tally, "{}", case.name);
    assert_eq!(kernel.told(), case.told, "{}", case.name);
}

fn decide(tables: &MemoryTables, bytes: &[u8]) -> (Verdict, Vec<u8>) {
    let mut frame = BytesFrame { bytes: bytes.to_vec(), ifindex: INGRESS, headroom: 256, arrival_ns: 1 };
    let verdict = forward(&mut frame, tables);
    (verdict, frame.bytes)
}

/// xorshift64: the same frames in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("below 256")
    }

    /// Media in one direction or the other; half of it then damaged in a few bytes or cut.
    fn frame(&mut self, (carrier, pbx): (Family, Family)) -> Vec<u8> {
        let from_carrier = self.below(2) == 0;
        let (source, destination) = if from_carrier { (CARRIER, LOCAL_A) } else { (PBX, LOCAL_B) };
        let (source_v6, destination_v6) =
            if from_carrier { (CARRIER_V6, LOCAL_A_V6) } else { (PBX_V6, LOCAL_B_V6) };
        let sequence = u16::try_from(self.below(200)).expect("below 200");
        let length = self.below(300);
        // Now and then from another port, which some source policies take.
        let source = if self.below(4) == 0 { (source.0, source.1 + 2) } else { source };
        let unsummed = self.below(4) == 0;
        let mut packet = match self.below(4) {
            0 => Packet::udp((source.0, source.1 + 1), (destination.0, destination.1 + 1), rtcp(9)),
            _ => Packet::udp(source, destination, rtp(sequence, 160, 9, length)),
        };
        if unsummed {
            packet.udp_checksum = UdpChecksum::None;
        }
        if (if from_carrier { carrier } else { pbx }) == V6 {
            let (from, to) = (packet.source.1, packet.destination.1);
            packet = packet.between_v6((source_v6.0, from), (destination_v6.0, to));
        }
        let mut frame = packet.build();
        match self.below(4) {
            0 => {
                for _ in 0..=self.below(3) {
                    let position = self.below(frame.len().min(80));
                    frame[position] = self.byte();
                }
            }
            1 => frame.truncate(14 + self.below(frame.len() - 14)),
            _ => {}
        }
        frame
    }
}
