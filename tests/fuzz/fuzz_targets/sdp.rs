//! Any bytes as a session description, as an offer and as its answer; the properties are those that edge-core's tests replay over the seeds.

#![no_main]

#[expect(dead_code, reason = "each target checks one of the properties")]
#[path = "../../../edge-core/tests/wire/properties.rs"]
mod properties;

#[expect(dead_code, reason = "the target makes its own dialogs")]
#[path = "../../../edge-core/tests/wire/negotiation.rs"]
mod negotiation;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    properties::sdp(data);
    negotiation::sdp(data);
});
