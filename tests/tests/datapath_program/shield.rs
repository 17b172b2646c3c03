//! The shield's program behind the media program, under `BPF_PROG_TEST_RUN`, with the table of cases of the host.

use std::hash::Hash;

use aya::Pod;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, HashMap};
use edge_ebpf::abi;
use edge_ebpf::shield::{ShieldVerdict, shield};
use edge_ebpf::testing::shield::{
    ACK, MemoryShield, SIP_PORT, STRANGER, SYN, ShieldScene, TRUNK, from_stranger, request, segment,
    shield_cases,
};
use edge_ebpf::testing::zerocopy::transmute;
use edge_ebpf::testing::{BytesFrame, INGRESS};

use crate::Random;
use crate::kernel::Kernel;

const SETTINGS_LEN: usize = size_of::<abi::ShieldSettings>();
const DROP: u32 = 1;
const PASS: u32 = 2;

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn every_case() {
    let mut kernel = Kernel::load();
    for case in shield_cases() {
        guard(&mut kernel, &case.scene);
        for frame in &case.before {
            kernel.run(frame);
        }
        let ran = kernel.run(&case.frame);
        assert_eq!((ran.action, &ran.frame), (action(case.verdict), &case.frame), "{}", case.name);
        counted(ran.counter, case.verdict, case.name);
    }
}

#[test]
#[ignore = "needs root and the eBPF object: cargo xtask test"]
fn generated_packets_are_decided_alike() {
    let mut kernel = Kernel::load();
    let scene = ShieldScene::guarded();
    guard(&mut kernel, &scene);
    let tables = MemoryShield::from(&scene);
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for number in 0..5000 {
        let frame = random.sip();
        let ran = kernel.run(&frame);
        let decided = BytesFrame { bytes: frame.clone(), ifindex: INGRESS, headroom: 0, arrival_ns: 1000 };
        counted(ran.counter, shield(&decided, &tables), &format!("frame {number}: {frame:02x?}"));
    }
}

/// What is for no listener has the media program's count.
fn counted(counter: u32, verdict: ShieldVerdict, what: &str) {
    match verdict.counter() {
        Some(own) => assert_eq!(counter, own, "{what}"),
        None => assert!(counter < 16, "passed by the media program: {what}"),
    }
}

const fn action(verdict: ShieldVerdict) -> u32 {
    match verdict {
        ShieldVerdict::Drop(_) => DROP,
        ShieldVerdict::Elsewhere | ShieldVerdict::Pass(_) | ShieldVerdict::Spare(_) => PASS,
    }
}

/// Fills the shield's maps as the scene says, and forgets what strangers did.
fn guard(kernel: &mut Kernel, scene: &ShieldScene) {
    let mut settings: Array<_, [u8; SETTINGS_LEN]> = kernel.map(abi::SHIELD).try_into().expect("an array");
    let bytes: [u8; SETTINGS_LEN] = transmute!(scene.settings());
    settings.set(0, bytes, 0).expect("the settings exist");
    let mut classes: Array<_, u64> = kernel.map(abi::CLASSES).try_into().expect("an array");
    for class in 0..classes.len() {
        classes.set(class, 0, 0).expect("the class exists");
    }
    fill::<[u8; 16], [u8; 16]>(kernel, abi::STRANGERS, &[]);
    let listeners: Vec<([u8; 24], [u8; 8])> =
        scene.listeners.iter().map(|(key, listener)| (transmute!(*key), transmute!(*listener))).collect();
    fill(kernel, abi::LISTENERS, &listeners);
    let standings: Vec<([u8; 16], [u8; 24])> =
        scene.standings.iter().map(|(host, standing)| (transmute!(*host), transmute!(*standing))).collect();
    fill(kernel, abi::STANDINGS, &standings);
    let trusted = scene.trusted.iter().map(|(realm, net, bits)| {
        (Key::new(abi::TRUST_REALM_BITS + bits, abi::trust_key(*realm, *net)), 1_u32)
    });
    fill_trie(kernel, abi::TRUSTED, &trusted.collect::<Vec<_>>());
    let listed = scene.listed.iter().map(|(net, listed)| {
        let value: [u8; 16] = transmute!(*listed);
        (Key::new(listed.prefix, net.to_v6()), value)
    });
    fill_trie(kernel, abi::LISTED, &listed.collect::<Vec<_>>());
}

fn fill<K: Pod + Eq + Hash, V: Pod>(kernel: &mut Kernel, map: &str, entries: &[(K, V)]) {
    let mut map: HashMap<_, K, V> = kernel.map(map).try_into().expect("a hash map");
    let there: Vec<K> = map.keys().map(|key| key.expect("a key")).collect();
    for key in there {
        map.remove(&key).expect("it is there");
    }
    for (key, value) in entries {
        map.insert(key, value, 0).expect("there is room");
    }
}

fn fill_trie<K: Pod, V: Pod>(kernel: &mut Kernel, map: &str, entries: &[(Key<K>, V)]) {
    let mut map: LpmTrie<_, K, V> = kernel.map(map).try_into().expect("a trie");
    let there: Vec<Key<K>> = map.keys().map(|key| key.expect("a key")).collect();
    for key in there {
        map.remove(&key).expect("it is there");
    }
    for (key, value) in entries {
        map.insert(key, value, 0).expect("there is room");
    }
}

impl Random {
    /// Something for a SIP port, of the trunk or of one of a few strangers; half of it damaged or cut.
    fn sip(&mut self) -> Vec<u8> {
        let payload = match self.below(6) {
            0 => b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
            1 => request("OPTIONS sip:100@10.0.0.1", "User-Agent: friendly-scanner\r\n"),
            2 => vec![0; self.below(6)],
            3 => request("REGISTER sip:10.0.0.1", ""),
            _ => request("INVITE sip:100@10.0.0.1", ""),
        };
        let source = if self.below(5) == 0 { TRUNK } else { [198, 18, 0, self.byte() % 20] };
        let mut packet = from_stranger(payload).with(|packet| packet.source.0 = source);
        match self.below(6) {
            0 => packet.fragment = 0x2000,
            1 => packet = segment(STRANGER, SIP_PORT, if self.below(2) == 0 { SYN } else { ACK }),
            _ => {}
        }
        let mut frame = packet.build();
        match self.below(4) {
            0 => {
                let position = self.below(frame.len());
                frame[position] = self.byte();
            }
            1 => frame.truncate(14 + self.below(frame.len() - 14)),
            _ => {}
        }
        frame
    }
}
