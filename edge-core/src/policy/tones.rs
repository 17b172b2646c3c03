//! Tones that the edge plays itself: to whom, and how they sound in which country (ITU-T E.180 and its supplement 2).

/// When a trunk's side of a call hears a ringing tone of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tones {
    /// Never.
    #[default]
    None,
    /// While who is called rings and sends nothing: the caller hears it as early media.
    EarlyMedia,
    /// While it is answered already and waits for where it is referred to: no phone plays one by itself then.
    Answered,
}

/// How a ringing tone sounds.
#[derive(Debug, PartialEq, Eq)]
pub struct Cadence {
    /// Country codes of E.164; none for what E.180 recommends where nothing else is known.
    calling_codes: &'static [&'static str],
    /// Country, as ISO 3166 writes it in two letters, in lower case.
    pub country: &'static str,
    /// Frequencies in hertz that sound at once; the second one is 0 where there is only one.
    pub frequencies: [u16; 2],
    /// Milliseconds of tone and of silence behind it, again and again.
    pub pulses: &'static [(u16, u16)],
}

/// Where a ringing tone is heard: a row of [`CADENCES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ToneCountry(u8);

const ONE_OF_FIVE: &[(u16, u16)] = &[(1_000, 4_000)];
const ONE_OF_SIX: &[(u16, u16)] = &[(1_000, 5_000)];
const DOUBLE: &[(u16, u16)] = &[(400, 200), (400, 2_000)];

const fn row(
    country: &'static str,
    calling_codes: &'static [&'static str],
    frequencies: [u16; 2],
    pulses: &'static [(u16, u16)],
) -> Cadence {
    Cadence { calling_codes, country, frequencies, pulses }
}

/// The first row is for all others. Frequencies that modulate another one stand as the two that are heard.
const CADENCES: &[Cadence] = &[
    row("", &[], [425, 0], ONE_OF_FIVE),
    row("at", &["43"], [420, 0], ONE_OF_SIX),
    row("au", &["61"], [413, 438], DOUBLE),
    row("be", &["32"], [425, 0], &[(1_000, 3_000)]),
    row("br", &["55"], [425, 0], ONE_OF_FIVE),
    row("ca", &[], [440, 480], &[(2_000, 4_000)]),
    row("ch", &["41"], [425, 0], ONE_OF_FIVE),
    row("cn", &["86"], [450, 0], ONE_OF_FIVE),
    row("de", &["49"], [425, 0], ONE_OF_FIVE),
    row("dk", &["45"], [425, 0], ONE_OF_FIVE),
    row("es", &["34"], [425, 0], &[(1_500, 3_000)]),
    row("fi", &["358"], [425, 0], ONE_OF_FIVE),
    row("fr", &["33"], [440, 0], &[(1_500, 3_500)]),
    row("gb", &["44"], [400, 450], DOUBLE),
    row("ie", &["353"], [400, 450], DOUBLE),
    row("in", &["91"], [375, 425], DOUBLE),
    row("it", &["39"], [425, 0], ONE_OF_FIVE),
    row("jp", &["81"], [384, 416], &[(1_000, 2_000)]),
    row("nl", &["31"], [425, 0], ONE_OF_FIVE),
    row("no", &["47"], [425, 0], ONE_OF_FIVE),
    row("nz", &["64"], [400, 450], DOUBLE),
    row("pl", &["48"], [425, 0], ONE_OF_FIVE),
    row("pt", &["351"], [425, 0], ONE_OF_SIX),
    row("ru", &["7"], [425, 0], &[(800, 3_200)]),
    row("se", &["46"], [425, 0], ONE_OF_SIX),
    row("us", &["1"], [440, 480], &[(2_000, 4_000)]),
    row("za", &["27"], [400, 450], DOUBLE),
];

impl ToneCountry {
    /// The country of these two letters, in lower case; "uk" is what its operators write, whatever ISO 3166 says.
    #[must_use]
    pub fn named(letters: &str) -> Option<Self> {
        let letters = if letters == "uk" { "gb" } else { letters };
        Self::find(|cadence| !letters.is_empty() && cadence.country == letters)
    }

    /// The country of this E.164 country code; the recommended tone where that is of no row.
    #[must_use]
    pub fn of_calling_code(code: &str) -> Self {
        Self::find(|cadence| cadence.calling_codes.contains(&code)).unwrap_or_default()
    }

    fn find(of: impl Fn(&Cadence) -> bool) -> Option<Self> {
        CADENCES.iter().position(of).and_then(|row| u8::try_from(row).ok()).map(Self)
    }

    /// How it sounds there.
    #[must_use]
    pub fn cadence(self) -> &'static Cadence {
        &CADENCES[usize::from(self.0)]
    }

    /// All countries that have a row, as they are written.
    pub fn all() -> impl Iterator<Item = &'static str> {
        CADENCES.iter().map(|cadence| cadence.country).filter(|country| !country.is_empty())
    }
}

#[cfg(test)]
mod tests;
