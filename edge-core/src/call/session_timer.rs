//! The session timer of one side (RFC 4028): how long its session lives without a refresh, and who sends that.
//!
//! Each side has its own, negotiated in each INVITE and UPDATE of its dialog; none crosses the edge.
//!
//! Invariants: no interval is below [`MIN_SE`]; a timer runs only from a 2xx that agreed on it, and stops with one that
//! does not.

mod journal;

use std::time::{Duration, Instant};

use crate::sip::{HeaderName, Message, MessageWriter, Response, StatusCode};

use super::Refused;

pub(super) use journal::TimerSnapshot;

/// Option tag of the extension.
pub(super) const TIMER: &[u8] = b"timer";

/// Least session interval (section 4): what is shorter costs more than it tells.
pub(super) const MIN_SE: Duration = Duration::from_secs(90);

/// Least time before the end of an interval at which the session ends for want of a refresh (section 10).
const MARGIN_MAX: Duration = Duration::from_secs(32);

/// Who keeps the session going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresher {
    Edge,
    Peer,
}

/// What both ends agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Agreed {
    interval: Duration,
    refresher: Refresher,
    /// When we send the next refresh, if that is ours to do.
    refresh_at: Option<Instant>,
    /// When the session is over without one.
    over_at: Instant,
}

/// How the session of one side is kept going.
#[derive(Debug)]
pub(super) struct SessionTimer {
    /// What we propose.
    proposal: Option<Duration>,
    /// The least that the peer takes.
    min_se: Duration,
    agreed: Option<Agreed>,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A refresh of ours.
    Refresh,
    /// The end.
    Over,
}

impl SessionTimer {
    /// A timer that does not run yet; `proposal` is raised to [`MIN_SE`].
    pub(super) fn new(proposal: Option<Duration>) -> Self {
        Self { proposal: proposal.map(|interval| interval.max(MIN_SE)), min_se: MIN_SE, agreed: None }
    }

    /// When something is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let agreed = self.agreed?;
        Some(agreed.refresh_at.map_or(agreed.over_at, |at| at.min(agreed.over_at)))
    }

    /// What is due at `now`.
    pub(super) fn due(&self, now: Instant) -> Option<Due> {
        let agreed = self.agreed?;
        if agreed.over_at <= now {
            Some(Due::Over)
        } else {
            agreed.refresh_at.filter(|at| *at <= now).map(|_| Due::Refresh)
        }
    }

    /// Plans the next refresh of ours; `None` when one is under way.
    pub(super) const fn refresh_again(&mut self, at: Option<Instant>) {
        if let Some(agreed) = &mut self.agreed {
            agreed.refresh_at = at;
        }
    }

    /// Lets the session live until `at`, whoever has not refreshed it.
    pub(super) fn outlive(&mut self, at: Instant) {
        if let Some(agreed) = &mut self.agreed {
            agreed.over_at = agreed.over_at.max(at);
        }
    }

    /// Adds to an INVITE or UPDATE of ours, which says that we support it, what we propose, or what is agreed (section 7.1).
    pub(super) fn propose(&self, request: MessageWriter) -> MessageWriter {
        let expires = match (self.agreed, self.proposal) {
            (Some(agreed), _) => {
                let role = if agreed.refresher == Refresher::Edge { "uac" } else { "uas" };
                format!("{};refresher={role}", agreed.interval.max(self.min_se).as_secs())
            }
            (None, Some(proposal)) => proposal.max(self.min_se).as_secs().to_string(),
            (None, None) => return request,
        };
        request
            .header(HeaderName::SessionExpires, expires)
            .header(HeaderName::MinSe, self.min_se.as_secs().to_string())
    }

    /// Takes what the 2xx to our request says (section 7.2).
    pub(super) fn agree(&mut self, response: &Message, now: Instant) {
        self.agreed = Wish::of(response).expires.map(|expires| {
            let refresher =
                if expires.refresher == Some(Role::Uas) { Refresher::Peer } else { Refresher::Edge };
            Agreed::new(expires.interval, refresher, now)
        });
    }

    /// Raises our proposal to what a 422 asks for. Says whether that could help.
    pub(super) fn raise(&mut self, response: &Response) -> bool {
        if response.code != StatusCode::SESSION_INTERVAL_TOO_SMALL {
            return false;
        }
        let wanted = Wish::of(&response.message).min_se;
        let raised = wanted > self.min_se;
        self.min_se = self.min_se.max(wanted);
        raised
    }

    /// Decides on the interval that a request asks for, and says so in its 2xx (section 9, table 2).
    pub(super) fn accept(
        &mut self,
        request: &Message,
        response: MessageWriter,
        now: Instant,
    ) -> MessageWriter {
        let wish = Wish::of(request);
        self.min_se = self.min_se.max(wish.min_se);
        self.agreed = self.decide(&wish).map(|(interval, role)| Agreed::new(interval, role, now));
        let Some(agreed) = self.agreed else { return response };
        let seconds = agreed.interval.as_secs();
        match agreed.refresher {
            Refresher::Edge => {
                response.header(HeaderName::SessionExpires, format!("{seconds};refresher=uas"))
            }
            Refresher::Peer => response
                .header(HeaderName::Require, TIMER)
                .header(HeaderName::SessionExpires, format!("{seconds};refresher=uac")),
        }
    }

    fn decide(&self, wish: &Wish) -> Option<(Duration, Refresher)> {
        let Some(expires) = wish.expires else {
            // One who can but did not ask: we keep it going, and thereby notice when he is gone.
            let proposal = self.proposal.filter(|_| wish.supported)?;
            return Some((proposal.max(wish.min_se), Refresher::Edge));
        };
        // It may only be shortened, down to what the request allows.
        let shortest = wish.min_se.max(MIN_SE);
        let interval =
            self.proposal.map_or(expires.interval, |ours| expires.interval.min(ours.max(shortest)));
        if interval < MIN_SE {
            return None;
        }
        let theirs = wish.supported && expires.refresher != Some(Role::Uas);
        Some((interval, if theirs { Refresher::Peer } else { Refresher::Edge }))
    }
}

impl Agreed {
    /// Section 10: a refresh at half of the interval; the end a third of it, at most 32 s, before it is over.
    fn new(interval: Duration, refresher: Refresher, now: Instant) -> Self {
        let interval = interval.max(MIN_SE);
        let over_at = now + interval - MARGIN_MAX.min(interval / 3);
        let refresh_at = (refresher == Refresher::Edge).then(|| now + interval / 2);
        Self { interval, refresher, refresh_at, over_at }
    }
}

/// What a message says of session timers.
struct Wish {
    supported: bool,
    expires: Option<Expires>,
    min_se: Duration,
}

#[derive(Clone, Copy)]
struct Expires {
    interval: Duration,
    refresher: Option<Role>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Uac,
    Uas,
}

impl Wish {
    fn of(message: &Message) -> Self {
        let mut options = message.values(HeaderName::Supported).chain(message.values(HeaderName::Require));
        let min_se = message.first(HeaderName::MinSe).and_then(seconds).map_or(MIN_SE, |(least, _)| least);
        Self {
            supported: options.any(|option| option.eq_ignore_ascii_case(TIMER)),
            expires: message.first(HeaderName::SessionExpires).and_then(expires),
            min_se: min_se.max(MIN_SE),
        }
    }
}

/// `delta-seconds *(SEMI se-params)`; what cannot be read is not there.
fn expires(value: &[u8]) -> Option<Expires> {
    let (interval, params) = seconds(value)?;
    let role = params.split(|byte| *byte == b';').find_map(|param| {
        let mut parts = param.split(|byte| *byte == b'=').map(<[u8]>::trim_ascii);
        parts.next().filter(|name| name.eq_ignore_ascii_case(b"refresher"))?;
        match parts.next()?.to_ascii_lowercase().as_slice() {
            b"uac" => Some(Role::Uac),
            b"uas" => Some(Role::Uas),
            _ => None,
        }
    });
    Some(Expires { interval, refresher: role })
}

/// Seconds in front of any parameters, and those.
fn seconds(value: &[u8]) -> Option<(Duration, &[u8])> {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    let (digits, params) = value.split_at(end);
    let seconds: u32 = std::str::from_utf8(digits.trim_ascii()).ok()?.parse().ok()?;
    Some((Duration::from_secs(u64::from(seconds)), params))
}

/// Refuses an interval that is too short, to one who would understand why (section 9).
pub(super) fn check_interval(request: &Message) -> Result<(), Refused> {
    let wish = Wish::of(request);
    let short = wish.expires.is_some_and(|expires| expires.interval < MIN_SE);
    if short && wish.supported { Err(Refused::Interval) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
