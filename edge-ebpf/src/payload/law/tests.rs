//! All octets of both laws, against levels that are computed from the Recommendation's segments.

use super::{LEVELS, TO_ALAW, TO_ULAW};

/// Table 1a: value at the decoder output of A-law value number `number` from 1 on, of 4096.
fn alaw_level(number: usize) -> f64 {
    let (segment, step) = ((number - 1) >> 4, (number - 1) & 15);
    let level = if segment == 0 { 2 * step + 1 } else { (2 * step + 33) << (segment - 1) };
    f64::from(u32::try_from(level).expect("13 bits"))
}

/// Table 2a: the same of mu-law value number `number` from 0 on, of 8159.
fn ulaw_level(number: usize) -> f64 {
    let (segment, step) = (number >> 4, number & 15);
    f64::from(u32::try_from(((2 * step + 33) << segment) - 33).expect("14 bits"))
}

/// Levels of mu-law in a level of A-law: their load capacities are 3.17 and 3.14 dBm0 (section 3.3).
fn scale() -> f64 {
    let decibels = (314.0 - 317.0) / 100.0;
    8159.0 / 4096.0 * 10_f64.powf(decibels / 20.0)
}

fn nearest(level: f64, levels: impl Iterator<Item = (usize, f64)>) -> usize {
    let distance = |(_, other): &(usize, f64)| (level - other).abs();
    levels.min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("there are levels").0
}

fn alaw_octet(number: usize, sign: u8) -> u8 {
    sign | (u8::try_from(number - 1).expect("seven bits") ^ 0x55)
}

fn ulaw_octet(number: usize, sign: u8) -> u8 {
    sign | (u8::try_from(number).expect("seven bits") ^ 0x7f)
}

/// A note to the tables names the two places where the best conversion was given up for transparency.
#[test]
fn every_octet_becomes_the_nearest_level_but_for_two() {
    for number in 0..LEVELS {
        let levels = (1..=LEVELS).map(|number| (number, alaw_level(number) * scale()));
        let alaw = if number == 80 { 81 } else { nearest(ulaw_level(number), levels) };
        for sign in [0, 0x80] {
            let octet = ulaw_octet(number, sign);
            assert_eq!(TO_ALAW[usize::from(octet)], alaw_octet(alaw, sign), "mu-law {number}, {octet:#04x}");
        }
    }
    for number in 1..=LEVELS {
        let levels = (0..LEVELS).map(|number| (number, ulaw_level(number)));
        let ulaw = if number == 80 { 79 } else { nearest(alaw_level(number) * scale(), levels) };
        for sign in [0, 0x80] {
            let octet = alaw_octet(number, sign);
            assert_eq!(TO_ULAW[usize::from(octet)], ulaw_octet(ulaw, sign), "A-law {number}, {octet:#04x}");
        }
    }
}

/// The first seven bits come through both conversions in a row.
#[test]
fn there_and_back_changes_the_last_bit_at_most() {
    for octet in 0..=u8::MAX {
        let by_ulaw = TO_ALAW[usize::from(TO_ULAW[usize::from(octet)])];
        let by_alaw = TO_ULAW[usize::from(TO_ALAW[usize::from(octet)])];
        assert_eq!([by_ulaw, by_alaw].map(|back| (back ^ octet) & 0xfe), [0, 0], "{octet:#04x}");
    }
}

/// What everybody knows by heart.
#[test]
fn silence_is_silence() {
    assert_eq!((TO_ULAW[0xd5], TO_ULAW[0x55]), (0xfe, 0x7e));
    assert_eq!((TO_ALAW[0xff], TO_ALAW[0x7f]), (0xd5, 0x55));
    assert_eq!((TO_ALAW[0x80], TO_ULAW[0xaa]), (0xaa, 0x80));
}
