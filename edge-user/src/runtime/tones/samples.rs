//! Tones as octets of G.711: one period of each, made once and played again and again.

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::sync::Arc;

use edge_core::media::Law;
use edge_core::policy::{Cadence, ToneCountry};

/// Samples of a second (RFC 3551 table 4).
const SAMPLES_PER_SECOND: f64 = 8_000.0;
const SAMPLES_PER_MS: usize = 8;

/// Largest amplitude of a 16-bit sample at -10 dBm0, the level that E.180 recommends: a sine of +3.14 dBm0 fills A-law.
const AMPLITUDE: f64 = 7_219.0;

/// The tones that have been made. There are as many as rows of countries, twice.
#[derive(Debug, Default)]
pub(super) struct Samples(HashMap<(ToneCountry, Law), Arc<[u8]>>);

impl Samples {
    /// One period of a tone.
    pub(super) fn of(&mut self, country: ToneCountry, law: Law) -> Arc<[u8]> {
        let made = self.0.entry((country, law)).or_insert_with(|| period(country.cadence(), law).into());
        Arc::clone(made)
    }
}

/// What sounds, and the silence behind it; each sound begins at its zero.
fn period(cadence: &Cadence, law: Law) -> Vec<u8> {
    let encode = match law {
        Law::A => alaw,
        Law::Mu => ulaw,
    };
    let sounding: Vec<f64> =
        cadence.frequencies.iter().filter(|hz| **hz > 0).map(|hz| f64::from(*hz)).collect();
    // Together they are as loud as one is.
    let amplitude = AMPLITUDE / (sounding.len() as f64).sqrt();
    let mut octets = Vec::new();
    for (on_ms, off_ms) in cadence.pulses {
        for sample in 0..usize::from(*on_ms) * SAMPLES_PER_MS {
            let at_seconds = sample as f64 / SAMPLES_PER_SECOND;
            let level: f64 = sounding.iter().map(|hz| (TAU * hz * at_seconds).sin() * amplitude).sum();
            octets.push(encode(level as i16));
        }
        octets.extend(std::iter::repeat_n(encode(0), usize::from(*off_ms) * SAMPLES_PER_MS));
    }
    octets
}

/// A 16-bit sample as A-law (ITU-T G.711 table 1a).
fn alaw(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
    let magnitude = magnitude.unsigned_abs() >> 3;
    let segment = (u16::BITS - magnitude.leading_zeros()).saturating_sub(5);
    let code = (segment as u16) << 4 | (magnitude >> segment.max(1)) & 0x0f;
    (sign | code as u8) ^ 0x55
}

/// A 16-bit sample as mu-law (ITU-T G.711 table 2a).
fn ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let biased = ((sample.unsigned_abs() >> 2) + 33).min(0x1fff);
    let segment = (u16::BITS - biased.leading_zeros()).saturating_sub(6);
    let code = (segment as u16) << 4 | (biased >> (segment + 1)) & 0x0f;
    !(sign | code as u8)
}

#[cfg(test)]
mod tests;
