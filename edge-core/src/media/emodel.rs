//! What people would say of a direction's sound: the E-model of ITU-T G.107, with the codecs' figures of G.113 appendix I.
//!
//! It is an estimate of *listening* quality: of what the network and the codec did, with every other parameter at the default of G.107
//! (rating 93.2). Delay is not in it, because nobody in the middle knows it from end to end. Receivers are taken to conceal lost packets, as
//! nearly all do. A wideband codec is rated as if it were G.711: on the scale of telephony there is no more than that.

use super::RtpQuality;

/// The rating of a connection with nothing wrong: all defaults of G.107 (06/2015).
const RATING_MAX: f64 = 93.2;

/// What a codec does to speech.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Impairment {
    /// By itself: `Ie`.
    equipment: f64,
    /// How well it stands losses: `Bpl`.
    robustness: f64,
}

/// Codecs by their names in SDP.
const CODECS: &[(&str, Impairment)] = &[
    ("PCMU", Impairment { equipment: 0.0, robustness: 25.1 }),
    ("PCMA", Impairment { equipment: 0.0, robustness: 25.1 }),
    ("G722", Impairment { equipment: 0.0, robustness: 25.1 }),
    ("G729", Impairment { equipment: 11.0, robustness: 19.0 }),
    ("G723", Impairment { equipment: 15.0, robustness: 16.1 }),
    ("GSM-EFR", Impairment { equipment: 5.0, robustness: 10.0 }),
];

/// The mean opinion score, 1 to 4.5, of a direction with this codec; `None` for a codec that G.113 has no figures of, and when no
/// packet came.
#[must_use]
pub fn mean_opinion(codec: &str, quality: &RtpQuality) -> Option<f64> {
    let (_, impairment) = CODECS.iter().find(|(name, _)| name.eq_ignore_ascii_case(codec))?;
    if quality.packets == 0 {
        return None;
    }
    Some(opinion(rating(*impairment, quality.loss() * 100.0, quality.burst_ratio())))
}

/// The rating `R` (G.107 equations 7-1 and 7-29), with losses in percent.
fn rating(codec: Impairment, loss_percent: f64, burst_ratio: f64) -> f64 {
    let Impairment { equipment, robustness } = codec;
    let effective = equipment + (95.0 - equipment) * loss_percent / (loss_percent / burst_ratio + robustness);
    RATING_MAX - effective
}

/// What people say to a rating (G.107 equation B-4).
fn opinion(rating: f64) -> f64 {
    if rating <= 0.0 {
        return 1.0;
    }
    if rating >= 100.0 {
        return 4.5;
    }
    // Below 6.5 the polynomial falls under what it is to describe.
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 0.01, "{found} is not {expected}");
    }

    /// G.107 table B.1.
    #[test]
    fn opinions_are_those_of_the_recommendation() {
        for (rating, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            near(opinion(rating), score);
        }
        near(opinion(RATING_MAX), 4.41);
        near(opinion(-5.0), 1.0);
        near(opinion(3.0), 1.0);
        near(opinion(120.0), 4.5);
    }

    /// What the equation gives for the figures of G.113: 2 % at random costs G.711 seven points.
    #[test]
    fn losses_cost_what_the_recommendation_says() {
        let g711 = Impairment { equipment: 0.0, robustness: 25.1 };
        let g729 = Impairment { equipment: 11.0, robustness: 19.0 };
        near(rating(g711, 0.0, 1.0), 93.2);
        near(rating(g711, 2.0, 1.0), 93.2 - 95.0 * 2.0 / 27.1);
        near(rating(g729, 0.0, 1.0), 82.2);
        near(rating(g729, 5.0, 1.0), 93.2 - 11.0 - 84.0 * 5.0 / 24.0);
        assert!(rating(g711, 5.0, 3.0) < rating(g711, 5.0, 1.0), "bursts are worse");
    }

    #[test]
    fn a_direction_has_a_score_when_its_codec_has_figures() {
        let clean = RtpQuality { packets: 500, ..RtpQuality::default() };
        near(mean_opinion("pcma", &clean).unwrap(), 4.41);
        near(mean_opinion("G729", &clean).unwrap(), 4.10);
        assert_eq!(mean_opinion("T38", &clean), None);
        assert_eq!(mean_opinion("PCMA", &RtpQuality::default()), None);
    }
}
