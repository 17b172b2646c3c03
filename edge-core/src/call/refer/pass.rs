//! A REFER that the other side is to carry out: said anew in its dialog, and the reports of its subscription led back.

use serde::{Deserialize, Serialize};

use crate::policy::Destinations;
use crate::sip::{HeaderName, Message, Method, StatusCode, escape_user};

use super::super::asked::Asked;
use super::super::passage::hops_left;
use super::super::replaces::Replaces;
use super::super::wish::{Source, Wish};
use super::super::{Call, Context, Owner, Refused, Side};
use super::ReferTo;

/// Subscriptions of one call that are told apart. A side transfers once or twice; of an older one the reports cross as they
/// are.
const SUBSCRIPTIONS_MAX: usize = 4;

/// A REFER that crossed: the number that names its subscription on each side (RFC 3515 section 2.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Referred {
    by: Side,
    /// CSeq of the peer's REFER.
    asked: u32,
    /// CSeq of ours.
    sent: u32,
}

impl Referred {
    /// The REFER goes on under the number `now`, if it was sent to `side` under `before`.
    pub(in super::super) fn renumber(&mut self, side: Side, before: u32, now: u32) {
        if self.by != side && self.sent == before {
            self.sent = now;
        }
    }
}

impl Call {
    /// Passes a REFER on, unless its trunk may not call there; one that names another call first has that named as the other side
    /// knows it.
    pub(super) fn pass_refer(&mut self, asked: Asked, target: &ReferTo, ctx: &mut Context<'_>) {
        let trunk = &self.leg(asked.side).trunk;
        let number = trunk.numbers.read_text(&target.number);
        if let Err(guarded) = trunk.allows(|| Destinations::of(&number, &trunk.numbers)) {
            let refused = Refused::Guarded { trunk: trunk.name.clone(), guarded };
            tracing::info!(call = self.name(), number = number.as_str(), "REFER refused: {refused}");
            return self.refuse(&asked, &refused, ctx);
        }
        if target.replaces.is_some() {
            let of = Source { shard: ctx.shard.index, call: self.key, side: asked.side };
            ctx.wishes.push_back(Wish::Translate { of, asked: Box::new(asked) });
        } else {
            self.send_refer(asked, &target.number, None, ctx);
        }
    }

    /// Sends a REFER to the other side of the call.
    pub(crate) fn send_refer(
        &mut self,
        asked: Asked,
        number: &str,
        replaces: Option<&Replaces>,
        ctx: &mut Context<'_>,
    ) {
        if !self.has_room_for_passage() {
            return self.reply_later(&asked, ctx);
        }
        let (key, by) = (self.key, asked.side);
        let number = self.leg(by).trunk.numbers.read_text(number);
        let leg = self.leg_mut(by.other());
        let (branch, sequence) = (ctx.random.branch(), leg.dialog.next_sequence());
        let mut target = leg.dialog.address_of_user(&leg.trunk.numbers.write_user(&number));
        if let Some(replaces) = replaces {
            target.insert_str(target.len() - 1, &format!("?{}", replaces.in_uri()));
        }
        let referrer = leg.dialog.address_of_user(&escape_user(&leg.dialog.local_number()));
        let request = leg.dialog.forwarded(&Method::Refer, branch, sequence, hops_left(&asked.request));
        let mut request =
            request.header(HeaderName::ReferTo, target).header(HeaderName::ReferredBy, referrer);
        if is_silent(&asked.request.message) {
            request =
                request.header(HeaderName::ReferSub, "false").header(HeaderName::Supported, "norefersub");
        }
        let (path, owner) = (leg.path(), Owner::Passage(key, asked.server));
        if ctx.request(&leg.trunk, Method::Refer, branch, request.empty(), path, owner).is_err() {
            return self.reply_later(&asked, ctx);
        }
        if self.referred.len() == SUBSCRIPTIONS_MAX {
            self.referred.remove(0);
        }
        self.referred.push(Referred { by, asked: asked.request.cseq, sent: sequence });
        self.open_passage(asked);
    }

    /// A REFER names a call that does not stand here, or not for its trunk.
    pub(crate) fn refuse_refer(&self, asked: &Asked, ctx: &mut Context<'_>) {
        self.reply(asked, StatusCode::DECLINE, ctx);
    }

    /// The Event of a NOTIFY as the other side names its subscription; `None` when it is to cross as it is.
    pub(in super::super) fn event_across(&self, asked: &Asked) -> Option<String> {
        let event = asked.request.message.first(HeaderName::Event)?;
        let number: u32 = refer_id(event)?.parse().ok()?;
        let same = |referred: &&Referred| referred.by != asked.side && referred.sent == number;
        self.referred.iter().find(same).map(|referred| format!("refer;id={}", referred.asked))
    }
}

/// The id of `refer;id=93809823`.
fn refer_id(event: &[u8]) -> Option<&str> {
    let mut parts = std::str::from_utf8(event).ok()?.split(';').map(str::trim);
    parts.next().filter(|package| *package == "refer")?;
    parts.find_map(|param| param.strip_prefix("id="))
}

/// Whether the sender of a REFER wants no reports (RFC 4488 section 4).
pub(super) fn is_silent(message: &Message) -> bool {
    message.first(HeaderName::ReferSub).is_some_and(|value| {
        value.split(|byte| *byte == b';').next().is_some_and(|said| said.trim_ascii() == b"false")
    })
}
