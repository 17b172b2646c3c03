use super::{CADENCES, ToneCountry};

#[test]
fn each_row_can_be_played_and_found() {
    for cadence in CADENCES {
        assert!((300..700).contains(&cadence.frequencies[0]), "{cadence:?}");
        assert!(
            cadence.frequencies[1] == 0 || cadence.frequencies[1] > cadence.frequencies[0],
            "{cadence:?}"
        );
        let period: u32 = cadence.pulses.iter().map(|(on, off)| u32::from(*on) + u32::from(*off)).sum();
        // E.180 section 6: from 3.7 to 6.5 s, and some countries are quicker. Whole packets of 20 ms are made of it.
        assert!((3_000..=6_500).contains(&period) && period.is_multiple_of(20), "{cadence:?}");
        assert!(cadence.pulses.iter().all(|(on, _)| on % 20 == 0), "{cadence:?}");
        if !cadence.country.is_empty() {
            let named = ToneCountry::named(cadence.country).unwrap();
            assert_eq!(named.cadence(), cadence, "two rows of one country");
        }
        for code in cadence.calling_codes {
            assert_eq!(ToneCountry::of_calling_code(code).cadence(), cadence, "two rows of one code");
        }
    }
    assert_eq!(ToneCountry::all().count(), CADENCES.len() - 1);
}

#[test]
fn who_is_not_known_hears_what_is_recommended() {
    for country in
        [ToneCountry::default(), ToneCountry::of_calling_code("999"), ToneCountry::of_calling_code("")]
    {
        let cadence = country.cadence();
        assert_eq!((cadence.frequencies, cadence.pulses), ([425, 0], &[(1_000, 4_000)][..]));
    }
    assert_eq!(ToneCountry::named("uk"), ToneCountry::named("gb"));
    assert_eq!((ToneCountry::named(""), ToneCountry::named("xx")), (None, None));
}
