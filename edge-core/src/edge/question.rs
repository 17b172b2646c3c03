//! Where a dialog is that a REFER names: here, or in the shard that its Call-ID leads to, which is asked.
//!
//! Invariant: a trunk has a say only in its own dialogs, wherever they are.

use std::time::Instant;

use crate::call::{Asked, Availability, Call, Party, ReferTo, Refused, Replaces, Source, refuse};
use crate::sip::{Request, StatusCode};
use crate::transaction::Path;

use super::elsewhere::Errand;
use super::note::{HOPS_MAX, Said};
use super::{Edge, Shard, shard};

/// A question to the shard that has a dialog.
#[derive(Debug)]
pub(super) struct Question {
    /// What the answer repeats, and which shard waits for it.
    pub(super) errand: u64,
    pub(super) from: usize,
    pub(super) replaces: Replaces,
    /// The trunk that names the dialog.
    pub(super) trunk: String,
    /// The trunk that is to be told its name there; without one, a party to be joined with is wanted.
    pub(super) across: Option<String>,
    pub(super) hops: u8,
}

/// What was asked for.
#[derive(Debug)]
pub(super) enum Found {
    Party(Source, Box<Party>),
    Name(Replaces),
}

impl Edge {
    /// The other shard that a named dialog is in, as far as this one knows.
    pub(super) fn shard_that_has(&self, replaces: &Replaces) -> Option<usize> {
        let Shard { index, count } = self.resources.shard;
        if count == 1 || self.has_dialog(replaces) {
            return None;
        }
        let known = self.elsewhere.shard_of_call_id(&replaces.call_id);
        Some(known.unwrap_or_else(|| Shard::of_call_id(&replaces.call_id, count)))
            .filter(|shard| *shard != index)
    }

    /// Whether a dialog is here that could be the named one.
    fn has_dialog(&self, replaces: &Replaces) -> bool {
        let tags = [&replaces.to_tag, &replaces.from_tag];
        tags.into_iter().filter_map(|tag| shard::tag_number(tag)).any(|tag| {
            let found = self.resources.dialogs.get(&tag);
            let found = found.and_then(|(key, side)| Some((self.calls.get(key)?, side)));
            found.is_some_and(|(call, side)| call.dialog(*side).call_id == replaces.call_id)
        })
    }

    /// Joins the sides that are left when one trunk leaves two calls; where another shard has the second call, when that has
    /// answered.
    pub(super) fn join_named(
        &mut self,
        of: Source,
        replaces: &Replaces,
        refer: &Request,
        now: Instant,
    ) -> Result<Option<Call>, StatusCode> {
        let gone = StatusCode::CALL_DOES_NOT_EXIST;
        let trunk = self.calls.get(&of.call).ok_or(gone)?.trunk(of.side).name.clone();
        if self.shard_that_has(replaces).is_some() {
            let errand = Errand::Join { of, refer: Box::new(refer.clone()) };
            return self.ask(errand, replaces, trunk, None).map(|()| None).map_err(|_errand| gone);
        }
        let (other, party) = self.party_behind(replaces, &trunk, now).ok_or(gone)?;
        self.join_calls(of, (other, party), refer, now).map(Some)
    }

    /// The side that is left when the trunk that names a dialog leaves it.
    fn party_behind(&mut self, replaces: &Replaces, trunk: &str, now: Instant) -> Option<(Source, Party)> {
        let source = self.kept_by(replaces, trunk)?;
        let call = self.calls.get(&source.call)?;
        let may_be_had = call.is_whole() && call.availability(source.side) != Availability::Never;
        may_be_had.then(|| (source, call.party(source.side, &mut self.resources.at(now))))
    }

    /// A REFER that is passed on names another call: as the other side knows that, if it stands.
    pub(super) fn translate_refer(&mut self, of: Source, asked: Asked, now: Instant) {
        let Some(call) = self.calls.get(&of.call) else { return };
        let (by, across) = (call.trunk(of.side).name.clone(), call.trunk(of.side.other()).name.clone());
        let path = Path { peer: asked.source, ..call.dialog(of.side).opened_over() };
        let named = ReferTo::of(&asked.request.message).ok().and_then(|target| target.replaces);
        let Some(replaces) = named else { return self.send_refer_across((of, path), asked, None, now) };
        if self.shard_that_has(&replaces).is_none() {
            let name = self.name_across(&replaces, &by, &across);
            return self.send_refer_across((of, path), asked, name, now);
        }
        let errand = Errand::Translate { of, asked: Box::new(asked), path };
        if let Err(Errand::Translate { asked, .. }) = self.ask(errand, &replaces, by, Some(across)) {
            self.send_refer_across((of, path), *asked, None, now);
        }
    }

    /// Passes a REFER on that names another call so; or refuses it.
    fn send_refer_across(
        &mut self,
        (of, path): (Source, Path),
        asked: Asked,
        name: Option<Replaces>,
        now: Instant,
    ) {
        if !self.calls.contains_key(&of.call) {
            let refused = Refused::Replaces(StatusCode::CALL_DOES_NOT_EXIST);
            return refuse(&asked.request, path, asked.server, &refused, &mut self.resources.at(now));
        }
        let number = ReferTo::of(&asked.request.message).map(|target| target.number);
        self.with_call(of.call, now, |call, ctx| match (&number, &name) {
            (Ok(number), Some(replaces)) => call.send_refer(asked, number, Some(replaces), ctx),
            (Ok(_) | Err(_), _) => call.refuse_refer(&asked, ctx),
        });
    }

    /// The dialog that the trunk `by` names, as its trunk across the edge knows it, if that is `across`: another trunk would
    /// have no say in it, and its names are those that its peer chose.
    fn name_across(&self, replaces: &Replaces, by: &str, across: &str) -> Option<Replaces> {
        let kept = self.kept_by(replaces, by)?;
        let other = self.calls.get(&kept.call).filter(|call| call.is_whole())?;
        let own = other.trunk(kept.side).name == across;
        own.then(|| Replaces::far_end_of(other.dialog(kept.side)))?
    }

    /// Asks the shard that has a dialog.
    fn ask(
        &mut self,
        errand: Errand,
        replaces: &Replaces,
        trunk: String,
        across: Option<String>,
    ) -> Result<(), Errand> {
        let Some(shard) = self.shard_that_has(replaces) else { return Err(errand) };
        let (number, from) = (self.resources.random.next(), self.resources.shard.index);
        self.elsewhere.send_out(number, errand)?;
        let replaces = replaces.clone();
        let question = Question { errand: number, from, replaces, trunk, across, hops: 0 };
        self.elsewhere.tell(shard, Said::Asked(question));
        Ok(())
    }

    /// Another shard asks.
    pub(super) fn on_question(&mut self, question: Question, now: Instant) {
        if let Some(shard) = self.shard_that_has(&question.replaces).filter(|_| question.hops < HOPS_MAX) {
            let question = Question { hops: question.hops + 1, ..question };
            self.elsewhere.tell(shard, Said::Asked(question));
            return;
        }
        let Question { errand, from, replaces, trunk, across, hops: _ } = question;
        let found = match across {
            Some(across) => self.name_across(&replaces, &trunk, &across).map(Found::Name),
            None => self
                .party_behind(&replaces, &trunk, now)
                .map(|(source, party)| Found::Party(source, Box::new(party))),
        };
        self.elsewhere.tell(from, Said::Answered { errand, found });
    }

    /// Another shard has answered.
    pub(super) fn on_answered(&mut self, errand: u64, found: Option<Found>, now: Instant) {
        match (self.elsewhere.comes_back(errand), found) {
            (Some(Errand::Join { of, refer }), Some(Found::Party(other, party))) => {
                let opened = self.join_calls(of, (other, *party), &refer, now);
                self.referral_opened(of, opened, now);
            }
            (Some(Errand::Join { of, .. }), Some(Found::Name(_)) | None) => {
                self.referral_opened(of, Err(StatusCode::CALL_DOES_NOT_EXIST), now);
            }
            (Some(Errand::Translate { of, asked, path }), found) => {
                let name = match found {
                    Some(Found::Name(name)) => Some(name),
                    Some(Found::Party(..)) | None => None,
                };
                self.send_refer_across((of, path), *asked, name, now);
            }
            (None, _) => {}
        }
    }
}
