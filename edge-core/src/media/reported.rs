//! What a side's far end has reported by RTCP of the stream that it is sent (RFC 3550 section 6.4.1, RFC 3611 section 4.7).
//!
//! It stands beside what was counted here and decides nothing: whoever sends RTCP may say anything.

/// What the far end of one side has reported, as of its last report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reported {
    /// How many reports on the stream there were.
    pub reports: u64,
    /// Packets that it has not received, whoever lost them: also those that never came here. Less than nothing where packets came
    /// twice.
    pub lost: i64,
    /// The part that it lost between its last two reports, in 1/256.
    pub fraction_lost: u8,
    /// Its interarrival jitter in microseconds.
    pub jitter_us: u64,
    /// From here to it and back, in microseconds; `None` when no report has answered a sender report that crossed.
    pub round_trip_us: Option<u64>,
    /// What it rates the sound at.
    pub rated: Rated,
}

/// What an extended report says of the sound (RFC 3611 section 4.7); `None` is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rated {
    /// R factor of ITU-T G.107, 0 to 120.
    pub r_factor: Option<u8>,
    /// Listening quality as a mean opinion score in tenths, 10 to 50.
    pub mos_listening: Option<u8>,
    /// The same of conversation, delay included.
    pub mos_conversational: Option<u8>,
    /// The part of the packets that its jitter buffer threw away, in 1/256; 0 when it has not said so.
    pub discarded: u8,
}

impl Reported {
    /// Whether nothing was reported.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.reports == 0 && self.rated == Rated::default()
    }

    /// Takes in what is reported of another stream of the same side. Of what cannot be added up the worse one stays.
    pub fn add(&mut self, other: &Self) {
        let Self { reports, lost, fraction_lost, jitter_us, round_trip_us, rated } = *other;
        self.reports += reports;
        self.lost += lost;
        self.fraction_lost = self.fraction_lost.max(fraction_lost);
        self.jitter_us = self.jitter_us.max(jitter_us);
        self.round_trip_us = self.round_trip_us.max(round_trip_us);
        self.rated = Rated {
            r_factor: lower(self.rated.r_factor, rated.r_factor),
            mos_listening: lower(self.rated.mos_listening, rated.mos_listening),
            mos_conversational: lower(self.rated.mos_conversational, rated.mos_conversational),
            discarded: self.rated.discarded.max(rated.discarded),
        };
    }
}

fn lower(one: Option<u8>, other: Option<u8>) -> Option<u8> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_streams_losses_add_up_and_the_worse_sound_stays() {
        let rated = Rated { r_factor: Some(80), mos_listening: Some(40), ..Rated::default() };
        let audio = Reported { reports: 3, lost: 7, jitter_us: 900, rated, ..Reported::default() };
        let rated =
            Rated { mos_listening: Some(32), mos_conversational: Some(30), discarded: 5, r_factor: None };
        let other = Reported { reports: 2, lost: -1, round_trip_us: Some(80), rated, ..Reported::default() };
        let mut both = audio;
        both.add(&other);
        let rated =
            Rated { r_factor: Some(80), mos_listening: Some(32), mos_conversational: Some(30), discarded: 5 };
        let expected = Reported {
            reports: 5,
            lost: 6,
            jitter_us: 900,
            round_trip_us: Some(80),
            rated,
            ..Reported::default()
        };
        assert_eq!(both, expected);
        assert!(Reported::default().is_nothing() && !both.is_nothing());
    }
}
