//! Reads answers as if DNS had them all, and notes what is missing and how long they hold.

use std::time::Duration;

use super::{Answer, Answers, Kind, NEGATIVE_TTL_MAX, Query, RETRY, Record, TTL_MAX, TTL_MIN};

/// One pass over the answers.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    answers: &'a Answers,
    missing: Vec<Query>,
    ttl: Duration,
    failed: bool,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(answers: &'a Answers) -> Self {
        Self { answers, missing: Vec::new(), ttl: TTL_MAX, failed: false }
    }

    /// The records of `name`: `None` when it was not asked yet, `Some(None)` when nobody could say.
    pub(super) fn ask(&mut self, name: &str, kind: Kind) -> Option<Option<&'a [Record]>> {
        let query = Query { name: name.to_owned(), kind };
        match self.answers.get(&query) {
            None => {
                if !self.missing.contains(&query) {
                    self.missing.push(query);
                }
                None
            }
            Some(Answer::Failed) => {
                self.failed = true;
                Some(None)
            }
            Some(Answer::Known { records, ttl }) => {
                let most = if records.is_empty() { NEGATIVE_TTL_MAX } else { TTL_MAX };
                self.ttl = self.ttl.min(*ttl).min(most);
                Some(Some(records))
            }
        }
    }

    /// Whether a server did not say something that was asked.
    pub(super) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// How long all of it holds.
    pub(super) fn ttl(&self, found: bool) -> Duration {
        let most = match (found, self.failed) {
            (_, true) => RETRY,
            (true, false) => TTL_MAX,
            (false, false) => NEGATIVE_TTL_MAX,
        };
        self.ttl.min(most).max(TTL_MIN)
    }

    pub(super) fn into_missing(self) -> Vec<Query> {
        self.missing
    }
}
