//! Any tables and any frames for the media decision; what must hold is what edge-ebpf's tests check over the seeds.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| edge_ebpf::testing::any_tables(data));
