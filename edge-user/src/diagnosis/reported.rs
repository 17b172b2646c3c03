//! What the far end of a direction says of it, where that is more than what is seen here.

use edge_core::media::{MediaReport, Rated, Reported};

use super::{Direction, Finding, JITTER_MAX_US, LOSS_MAX, OPINION_MIN, PACKETS_MIN};

/// A round trip that people begin to talk into each other's words at: twice the 150 ms of ITU-T G.114.
const ROUND_TRIP_MAX_US: u64 = 300_000;

impl Direction<'_> {
    /// What is lost or delayed between here and the far end, by its own account.
    pub(super) fn reported(&self) -> Vec<Finding> {
        let (rtp, heard) = (&self.report.rtp, self.reported);
        if heard.is_nothing() || rtp.expected() < PACKETS_MIN {
            return Vec::new();
        }
        let (name, other) = (self.name, self.other());
        let mut found = Vec::new();
        let said = heard.lost.max(0) as f64 / rtp.expected() as f64;
        if said - rtp.loss() >= LOSS_MAX {
            let lately = match heard.fraction_lost {
                0 => String::new(),
                part => format!(" ({:.1} % between its last two reports)", f64::from(part) / 2.56),
            };
            found.push(
                Finding::new(format!(
                    "{name}: {other} reports {:.1} % loss of what edge sent it{lately}, edge received it with {:.1} %: \
                     the loss is between edge and {other}",
                    said * 100.0,
                    rtp.loss() * 100.0
                ))
                .but(format!("nothing here can mend that: look at the network towards {other}")),
            );
        }
        if heard.jitter_us >= JITTER_MAX_US && rtp.jitter_us < JITTER_MAX_US {
            found.push(Finding::new(format!(
                "{name}: {other} reports jitter of {} ms, it came here with {} ms: it arises between edge and {other}",
                heard.jitter_us / 1000,
                rtp.jitter_us / 1000
            )));
        }
        found.extend(rating(&heard.rated).map(|rating| {
            Finding::new(format!("{name}: {other} rates what it hears at {rating} of 5 (MOS, RFC 3611)"))
        }));
        found
    }
}

/// A poor score, that of conversation before that of listening.
fn rating(rated: &Rated) -> Option<f64> {
    let score = f64::from(rated.mos_conversational.or(rated.mos_listening)?) / 10.0;
    (score < OPINION_MIN).then_some(score)
}

/// A call whose two ways together take so long that it is felt.
pub(super) fn delay(media: &[MediaReport; 2]) -> Option<Finding> {
    let ways = [&media[0], &media[1]].map(|report| report.reported.round_trip_us);
    let total: u64 = ways.iter().flatten().sum();
    if total < ROUND_TRIP_MAX_US {
        return None;
    }
    let said =
        |way: Option<u64>| way.map_or_else(|| "not known".to_owned(), |us| format!("{} ms", us / 1000));
    let [a, b] = ways.map(said);
    Some(Finding::new(format!(
        "A and B are {} ms apart and back (edge to A {a}, to B {b}), which is felt from {} ms on",
        total / 1000,
        ROUND_TRIP_MAX_US / 1000
    )))
}

/// Whether a side has said that it does not hear what came here for it.
pub(crate) fn is_lost_beyond(sent: &MediaReport, reported: &Reported) -> bool {
    let expected = sent.rtp.expected();
    let said = reported.lost.max(0) as f64 / expected.max(1) as f64;
    reported.reports > 0 && expected >= PACKETS_MIN && said - sent.rtp.loss() >= LOSS_MAX
}
