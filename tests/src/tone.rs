//! G.711 A-law audio that RTP packets of a test carry.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Octets in one packet: 20 ms at 8 kHz.
pub const PACKET_OCTETS: usize = 160;
/// Packets in a second of one stream.
const PACKETS_PER_SECOND: u32 = 50;

const SAMPLES_PER_SECOND: f64 = 8000.0;

/// Writes `seconds` of a rising tone from `start_hz`, as raw A-law.
///
/// The tone rises, so no two packets of a file and no two files of different start are equal: a payload tells
/// which stream it belongs to, and where in it.
pub fn write_alaw(path: &Path, start_hz: f64, seconds: u32) -> Result<()> {
    let samples = u64::from(seconds) * u64::from(PACKETS_PER_SECOND) * PACKET_OCTETS as u64;
    let mut phase = 0.0_f64;
    let mut audio = Vec::new();
    for sample in 0..samples {
        let at_seconds = sample as f64 / SAMPLES_PER_SECOND;
        phase += TAU * (start_hz + 7.3 * at_seconds) / SAMPLES_PER_SECOND;
        audio.push(alaw((phase.sin() * 12_000.0) as i16));
    }
    fs::write(path, audio).with_context(|| format!("cannot write {}", path.display()))
}

/// One 16-bit linear sample as A-law (ITU-T G.711, table 1a).
fn alaw(sample: i16) -> u8 {
    let sign = if sample >= 0 { 0x80 } else { 0 };
    let magnitude = (sample.unsigned_abs() >> 3).min(0x0FFF);
    let segment = (u16::BITS - magnitude.leading_zeros()).saturating_sub(5);
    let code = (segment as u16) << 4 | ((magnitude >> segment.max(1)) & 0x0F);
    (sign | code as u8) ^ 0x55
}

#[cfg(test)]
mod tests;
