//! What one shard counts.

use crate::policy::OverBound;

/// Counters since the start, and gauges of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Datagrams from sources that belong to no trunk.
    pub strangers: u64,
    /// Challenges that were sent.
    pub challenges: u64,
    /// Challenges that were not, because too many were, or because the request was shorter.
    pub challenges_withheld: u64,
    /// Proofs made with another password than their trunk's, or with a name that nobody has.
    pub proofs_refused: u64,
    /// Proofs that were seen before.
    pub proofs_replayed: u64,
    /// REGISTERs that were granted.
    pub registrations: u64,
    /// Datagrams of trunks that are no SIP, or that cannot be answered.
    pub unanswerable: u64,
    /// Requests of trunks that were malformed and heard so.
    pub bad_requests: u64,
    /// Responses that belong to no transaction of ours.
    pub stray_responses: u64,
    /// Requests of trunks that came in.
    pub requests: u64,
    /// Copies of an INVITE that had come another way (RFC 3261 section 8.2.2.2).
    pub merged_requests: u64,
    /// Calls that were tried.
    pub calls_started: u64,
    /// Calls that another process began and this one goes on with.
    pub calls_adopted: u64,
    /// INVITEs that were refused.
    pub calls_refused: u64,
    /// Messages with more bytes than allowed.
    pub messages_too_large: u64,
    /// Messages with more headers than allowed.
    pub headers_too_many: u64,
    /// Messages with a header that is longer than allowed.
    pub headers_too_long: u64,
    /// Messages that have come through more hops than allowed.
    pub vias_too_many: u64,
    /// INVITEs that heard 503 because of the load, or because their trunk holds too many transactions. No record says so.
    pub calls_shed: u64,
    /// INVITEs that were not read because of the load.
    pub calls_ignored: u64,
    /// Requests for something new that were not read, because they had waited until they were sent again.
    pub requests_stale: u64,
    /// Messages of dialogs that are in another shard, which had no room for them.
    pub notes_lost: u64,
    /// Digits that came as telephone-events, and were taken as INFO.
    pub digits_to_info: u64,
    /// Digits that came as INFO, and have left as telephone-events.
    pub digits_to_events: u64,
    /// Digits that had to be converted and did not reach the other side.
    pub digits_lost: u64,
    /// Times that a side of a call fell silent.
    pub media_silences: u64,
    /// Calls that were ended because a side was silent, or both.
    pub media_timeouts: u64,
    /// Calls of which one side is silent now.
    pub calls_one_way: u64,
    /// Calls of which both sides are silent now.
    pub calls_dead: u64,
    /// Calls standing now.
    pub calls_standing: u64,
    /// Transactions open now.
    pub transactions_open: u64,
    /// Media port pairs free now.
    pub media_ports_free: u64,
}

impl Counters {
    pub(super) const fn count_over(&mut self, bound: OverBound) {
        let counter = match bound {
            OverBound::Message => &mut self.messages_too_large,
            OverBound::Headers => &mut self.headers_too_many,
            OverBound::Header => &mut self.headers_too_long,
            OverBound::Vias => &mut self.vias_too_many,
        };
        *counter += 1;
    }

    /// Name and value of each, for whoever prints them.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 32] {
        let Self {
            strangers,
            challenges,
            challenges_withheld,
            proofs_refused,
            proofs_replayed,
            registrations,
            unanswerable,
            bad_requests,
            stray_responses,
            requests,
            merged_requests,
            calls_started,
            calls_adopted,
            calls_refused,
            messages_too_large,
            headers_too_many,
            headers_too_long,
            vias_too_many,
            calls_shed,
            calls_ignored,
            requests_stale,
            notes_lost,
            digits_to_info,
            digits_to_events,
            digits_lost,
            media_silences,
            media_timeouts,
            calls_one_way,
            calls_dead,
            calls_standing,
            transactions_open,
            media_ports_free,
        } = *self;
        [
            ("strangers", strangers),
            ("challenges", challenges),
            ("challenges_withheld", challenges_withheld),
            ("proofs_refused", proofs_refused),
            ("proofs_replayed", proofs_replayed),
            ("registrations", registrations),
            ("unanswerable", unanswerable),
            ("bad_requests", bad_requests),
            ("stray_responses", stray_responses),
            ("requests", requests),
            ("merged_requests", merged_requests),
            ("calls_started", calls_started),
            ("calls_adopted", calls_adopted),
            ("calls_refused", calls_refused),
            ("messages_too_large", messages_too_large),
            ("headers_too_many", headers_too_many),
            ("headers_too_long", headers_too_long),
            ("vias_too_many", vias_too_many),
            ("calls_shed", calls_shed),
            ("calls_ignored", calls_ignored),
            ("requests_stale", requests_stale),
            ("notes_lost", notes_lost),
            ("digits_to_info", digits_to_info),
            ("digits_to_events", digits_to_events),
            ("digits_lost", digits_lost),
            ("media_silences", media_silences),
            ("media_timeouts", media_timeouts),
            ("calls_one_way", calls_one_way),
            ("calls_dead", calls_dead),
            ("calls_standing", calls_standing),
            ("transactions_open", transactions_open),
            ("media_ports_free", media_ports_free),
        ]
    }
}
