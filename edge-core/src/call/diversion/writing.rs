//! Writes Diversion and History-Info.

use crate::policy::{Diversions, Number};
use crate::sip::{HeaderName, MessageWriter};

use super::super::leg::Leg;
use super::{Diversion, Diverted};

/// Whoever wants to stay unknown (RFC 3323 section 4.1.1.3).
const NOBODY: &str = "sip:anonymous@anonymous.invalid";

impl Diversion {
    /// Adds to an INVITE what the trunk of `to` wants to know.
    pub(in super::super) fn tell(&self, to: &Leg, request: MessageWriter) -> MessageWriter {
        if self.by.is_empty() {
            return request;
        }
        let (diversion, history) = match to.trunk.diversions {
            Diversions::Remove => (false, false),
            Diversions::Diversion => (true, false),
            Diversions::HistoryInfo => (false, true),
            Diversions::Pass => (self.told_by_diversion || !self.told_by_history, self.told_by_history),
        };
        let request = if diversion { self.tell_diversion(to, request) } else { request };
        if history { self.tell_history(to, request) } else { request }
    }

    fn tell_diversion(&self, to: &Leg, request: MessageWriter) -> MessageWriter {
        self.by.iter().rev().fold(request, |request, diverted| {
            let (word, _) = diverted.reason.row();
            let private = if diverted.private { ";privacy=full" } else { "" };
            let (uri, counter) = (diverted.uri(to), diverted.counter);
            request.header(HeaderName::Diversion, format!("<{uri}>;reason={word};counter={counter}{private}"))
        })
    }

    /// Each target says why the call came there, and from which entry (RFC 7544 section 7).
    fn tell_history(&self, to: &Leg, request: MessageWriter) -> MessageWriter {
        let (mut request, mut index, mut cause) = (request, "1".to_owned(), String::new());
        let mut mapped = String::new();
        for diverted in &self.by {
            let privacy = if diverted.private { "?Privacy=history" } else { "" };
            let value = format!("<{}{cause}{privacy}>;index={index}{mapped}", diverted.uri(to));
            request = request.header(HeaderName::HistoryInfo, value);
            cause = format!(";cause={}", diverted.reason.row().1);
            mapped = format!(";mp={index}");
            index.push_str(".1");
        }
        let target = String::from_utf8_lossy(to.dialog.target()).into_owned();
        request.header(HeaderName::HistoryInfo, format!("<{target}{cause}>;index={index}{mapped}"))
    }
}

impl Diverted {
    /// By whom, at our own address.
    fn uri(&self, to: &Leg) -> String {
        let secret = self.private && !to.trunk.identity.keeps_secrets;
        if secret || self.by == Number::default() {
            return NOBODY.to_owned();
        }
        let address = to.dialog.address_of_user(&to.trunk.numbers.write_user(&self.by));
        address.trim_start_matches('<').trim_end_matches('>').to_owned()
    }
}
