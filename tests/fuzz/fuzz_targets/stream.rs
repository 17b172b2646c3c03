//! Any bytes as what comes over a connection; the properties are those that edge-core's tests replay over the seeds.

#![no_main]

#[expect(dead_code, reason = "each target checks one of the properties")]
#[path = "../../../edge-core/tests/wire/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::stream(data));
