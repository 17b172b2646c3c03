//! Any packets for the SIP shield, in any scene; what must hold is what edge-ebpf's tests check over the seeds.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edge_ebpf::testing::shield::any_shield(data));
