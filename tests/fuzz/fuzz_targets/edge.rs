//! Any sequence of messages and times for a shard's machine; the world is that of edge-core's hostile trunk.

#![no_main]

#[path = "../../../edge-core/tests/hostile/main.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostile::any_steps(data));
