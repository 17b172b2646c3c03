//! The early dialogs of an INVITE of ours: one for each place where it may be answered (RFC 3261 sections 12.1.2 and 13.2.2.4).
//!
//! Each has its own order of reliable responses and its own offer and answer; our CSeq numbers they share, so that the dialog
//! that is left in the end goes on above all of them.

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::sdp::Offer;
use crate::sip::{Request, Response};

use super::leg::{Leg, LegState, takes_update};
use super::offer_answer::OfferAnswer;
use super::reliable::{RAck, Received};

/// Early dialogs of one INVITE. A carrier that rings more places at once than this is heard when one of them answers.
const EARLY_MAX: usize = 8;

/// One place that has sent a provisional response.
#[derive(Debug)]
pub(super) struct EarlyDialog {
    pub(super) dialog: Dialog,
    /// Its reliable responses.
    pub(super) received: Received,
    /// What it and we have said reliably.
    pub(super) session: OfferAnswer,
    /// The answer that it gave reliably.
    pub(super) answer: Option<Bytes>,
    /// The offer that it made, and what the PRACK with our answer acknowledges.
    pub(super) offer: Option<(Offer, RAck)>,
    pub(super) takes_update: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct EarlyDialogs {
    dialogs: Vec<EarlyDialog>,
    /// The one whose description the other side was told of last.
    pub(super) current: Option<usize>,
}

impl EarlyDialogs {
    /// The early dialog of a provisional response, which may begin it with `session`; `None` without a tag, or when there
    /// are too many.
    pub(super) fn begin(&mut self, leg: &Leg, response: &Response, session: OfferAnswer) -> Option<usize> {
        let tag = response.to.tag()?;
        let at = match self.position(tag) {
            Some(at) => at,
            None if self.dialogs.len() < EARLY_MAX => {
                self.dialogs.push(EarlyDialog::new(leg, response, session)?);
                self.dialogs.len() - 1
            }
            None => return None,
        };
        if let Some(takes) = takes_update(&response.message) {
            self.dialogs[at].takes_update = takes;
        }
        Some(at)
    }

    /// The place of the early dialog with this remote tag.
    pub(super) fn position(&self, tag: &[u8]) -> Option<usize> {
        self.dialogs.iter().position(|early| early.dialog.remote_tag.as_deref() == Some(tag))
    }

    /// The place of the early dialog that a request is within.
    pub(super) fn containing(&self, request: &Request) -> Option<usize> {
        self.dialogs.iter().position(|early| early.dialog.contains(request))
    }

    /// The early dialog that a request is within.
    pub(super) fn of(&mut self, request: &Request) -> Option<&mut EarlyDialog> {
        let at = self.containing(request)?;
        self.dialogs.get_mut(at)
    }

    /// Forgets them all: our INVITE was refused, and goes out again.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn get(&self, at: usize) -> Option<&EarlyDialog> {
        self.dialogs.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut EarlyDialog> {
        self.dialogs.get_mut(at)
    }

    pub(super) fn len(&self) -> usize {
        self.dialogs.len()
    }
}

impl EarlyDialog {
    fn new(leg: &Leg, response: &Response, session: OfferAnswer) -> Option<Self> {
        let mut dialog = leg.dialog.clone();
        if leg.state == LegState::Early || leg.state == LegState::Cancelling {
            dialog.confirm(response);
        } else if dialog.remote_tag.as_deref() != response.to.tag() {
            // A change of a dialog that stands makes no other one.
            return None;
        }
        Some(Self {
            dialog,
            received: Received::default(),
            session,
            answer: None,
            offer: None,
            takes_update: leg.takes_update,
        })
    }
}
