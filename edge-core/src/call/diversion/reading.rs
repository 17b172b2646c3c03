//! Reads Diversion and History-Info.

use crate::policy::{NumberPlan, Trunk};
use crate::sip::{HeaderName, Message, NameAddr, Uri};

use super::{DIVERSIONS_MAX, Diversion, Diverted, Why};

impl Diversion {
    /// What an INVITE of `trunk` says. Where both headers do, Diversion counts: both tell the same story, and its is the
    /// shorter one.
    pub(in super::super) fn of(invite: &Message, trunk: &Trunk) -> Self {
        let diversion = by_diversion(invite, &trunk.numbers);
        let history = by_history(invite, &trunk.numbers);
        let (told_by_diversion, told_by_history) = (!diversion.is_empty(), !history.is_empty());
        let by = if told_by_diversion { diversion } else { history };
        Self { by, told_by_diversion, told_by_history }
    }
}

fn entries(invite: &Message, name: HeaderName) -> Vec<NameAddr> {
    let values = invite.values(name).take(DIVERSIONS_MAX);
    values.filter_map(|value| NameAddr::parse(invite.share(value)).ok()).collect()
}

/// The newest is the first.
fn by_diversion(invite: &Message, plan: &NumberPlan) -> Vec<Diverted> {
    let of = |entry: &NameAddr| {
        let param = |name: &[u8]| entry.params().get(name).and_then(|param| param.value);
        let word = |name| param(name).map(|value| value.trim_ascii()).map(unquoted);
        Diverted {
            by: plan.read(entry.uri()),
            reason: word(b"reason").map_or(Why::Unknown, Why::of_word),
            counter: word(b"counter").and_then(number).unwrap_or(1),
            private: word(b"privacy").is_some_and(|privacy| !privacy.eq_ignore_ascii_case(b"off")),
        }
    };
    entries(invite, HeaderName::Diversion).iter().rev().map(of).collect()
}

/// An entry that was retargeted is followed by the one that it was retargeted to, which says why (RFC 7044 section 9,
/// RFC 7544 section 6); older ones say it themselves (RFC 4244). Where nothing says why, it was routing.
fn by_history(invite: &Message, plan: &NumberPlan) -> Vec<Diverted> {
    let all_private = invite
        .all(HeaderName::Privacy)
        .flat_map(|value| value.split(|byte| b";, ".contains(byte)))
        .any(|value| value.eq_ignore_ascii_case(b"history"));
    let entries = entries(invite, HeaderName::HistoryInfo);
    let pairs = entries.iter().zip(entries.iter().skip(1));
    let diverted = pairs.filter_map(|(previous, next)| {
        let from = mapped_from(&entries, next).unwrap_or(previous);
        let cause = cause_param(next.uri()).or_else(|| reason_cause(previous.uri()))?;
        Some(Diverted {
            by: plan.read(from.uri()),
            reason: Why::of_cause(cause),
            counter: 1,
            private: all_private
                || header(from.uri(), b"Privacy")
                    .is_some_and(|privacy| !privacy.eq_ignore_ascii_case(b"none")),
        })
    });
    diverted.collect()
}

/// The entry that `entry` says that it was mapped from.
fn mapped_from<'a>(entries: &'a [NameAddr], entry: &NameAddr) -> Option<&'a NameAddr> {
    let index = |entry: &'a NameAddr| entry.params().get(b"index").and_then(|index| index.value);
    let from = entry.params().get(b"mp")?.value?;
    entries.iter().find(|entry| index(entry) == Some(from))
}

fn cause_param(uri: &Uri) -> Option<u16> {
    uri.params().get(b"cause")?.value.and_then(number)
}

/// The cause of `?Reason=SIP%3Bcause%3D302%3Btext%3D...`.
fn reason_cause(uri: &Uri) -> Option<u16> {
    let reason = header(uri, b"Reason")?.to_ascii_lowercase();
    let reason = String::from_utf8(reason).ok()?.replace("%3b", ";").replace("%3d", "=");
    let (protocol, params) = reason.split_once(';')?;
    if protocol.trim() != "sip" {
        return None;
    }
    let cause = params.split(';').find_map(|param| param.trim().strip_prefix("cause="))?;
    cause.parse().ok()
}

/// The value of a header of a URI, as it is written.
fn header<'a>(uri: &'a Uri, name: &[u8]) -> Option<&'a [u8]> {
    let mut headers = uri.headers()?.split(|byte| *byte == b'&');
    headers.find_map(|header| {
        let equals = memchr::memchr(b'=', header)?;
        header[..equals].eq_ignore_ascii_case(name).then(|| &header[equals + 1..])
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
