use super::*;

/// The decision value of an A-law octet, in 16-bit samples (table 1a, column 8).
fn from_alaw(octet: u8) -> i32 {
    let octet = octet ^ 0x55;
    let (segment, step) = (i32::from(octet >> 4 & 7), i32::from(octet & 0x0f));
    let magnitude = if segment == 0 { step * 2 + 1 } else { (step * 2 + 33) << (segment - 1) };
    if octet & 0x80 == 0 { -magnitude << 3 } else { magnitude << 3 }
}

/// That of a mu-law octet (table 2a).
fn from_ulaw(octet: u8) -> i32 {
    let octet = !octet;
    let (segment, step) = (i32::from(octet >> 4 & 7), i32::from(octet & 0x0f));
    let magnitude = (((step * 2 + 33) << segment) - 33) << 2;
    if octet & 0x80 == 0 { magnitude } else { -magnitude }
}

fn decoded(octet: u8, law: Law) -> i32 {
    match law {
        Law::A => from_alaw(octet),
        Law::Mu => from_ulaw(octet),
    }
}

#[test]
fn every_sample_comes_back_within_its_step() {
    for sample in i16::MIN..=i16::MAX {
        let wanted = i32::from(sample);
        let step = |magnitude: i32, least: i32| (magnitude / 16).max(least);
        for (back, least) in [(from_alaw(alaw(sample)), 16), (from_ulaw(ulaw(sample)), 8)] {
            assert!(
                (back - wanted).abs() <= step(wanted.abs(), least) + 700 * i32::from(wanted.abs() > 32_000),
                "{sample}: {back}"
            );
        }
    }
    assert_eq!((alaw(0), ulaw(0)), (0xd5, 0xff), "silence");
    assert_eq!((alaw(i16::MAX), alaw(i16::MIN), ulaw(i16::MAX), ulaw(i16::MIN)), (0xaa, 0x2a, 0x80, 0x00));
}

/// How much of a frequency is in these samples, as the amplitude of a sine (Goertzel's algorithm).
fn amplitude(samples: &[i32], hz: f64) -> f64 {
    let turn = 2.0 * (TAU * hz / SAMPLES_PER_SECOND).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        (last, before) = (f64::from(*sample) + turn * last - before, last);
    }
    let power = last * last + before * before - turn * last * before;
    power.sqrt() * 2.0 / samples.len() as f64
}

#[test]
fn each_country_sounds_as_its_row_says_in_both_laws() {
    for name in ToneCountry::all() {
        let country = ToneCountry::named(name).unwrap();
        let Cadence { frequencies, pulses, .. } = country.cadence();
        for law in [Law::A, Law::Mu] {
            let octets = Samples::default().of(country, law);
            let mut at = 0;
            for (on_ms, off_ms) in *pulses {
                let (on, off) = (usize::from(*on_ms) * 8, usize::from(*off_ms) * 8);
                let sound: Vec<i32> = octets[at..at + on].iter().map(|octet| decoded(*octet, law)).collect();
                let sounding: Vec<f64> =
                    frequencies.iter().filter(|hz| **hz > 0).map(|hz| f64::from(*hz)).collect();
                for hz in &sounding {
                    let share = amplitude(&sound, *hz) / (AMPLITUDE / (sounding.len() as f64).sqrt());
                    assert!((0.9..1.1).contains(&share), "{name}: {share} of {hz} Hz");
                }
                assert!(amplitude(&sound, 700.0) < AMPLITUDE / 20.0, "{name}: nothing else sounds");
                assert!(
                    octets[at + on..at + on + off].iter().all(|octet| decoded(*octet, law).abs() <= 8),
                    "{name}"
                );
                at += on + off;
            }
            assert_eq!(at, octets.len(), "{name}");
        }
    }
}
