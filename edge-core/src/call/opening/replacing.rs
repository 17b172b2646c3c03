//! An INVITE with Replaces that opens a call in the place of a dialog (RFC 3891): one side is new, the other one is kept.

use super::super::asked::Asked;
use super::super::calling::{admit, sent_by, tag};
use super::super::join::Joining;
use super::super::leg::Said;
use super::super::party::Party;
use super::super::wish::Source;
use super::super::{Begun, Call, CallRecord, Context, Refused, Side};
use super::Arrival;
use crate::dialog::Dialog;
use crate::policy::{Importance, Role};
use crate::sip::StatusCode;

impl Arrival<'_> {
    /// Opens the call in the place of a dialog whose other side is `kept`, or answers with a refusal and writes its record.
    pub(crate) fn open_replacing(
        self,
        kept: Result<(Source, Party), Refused>,
        from_call: Option<String>,
        ctx: &mut Context<'_>,
    ) -> Result<Call, StatusCode> {
        match kept.and_then(|kept| self.prepare_replacing(kept, from_call.clone().unwrap_or_default(), ctx)) {
            Ok(begun) => Ok(Call::begin(begun, self.policy, ctx)),
            Err(refused) => {
                let record = Box::new(CallRecord { from_call, ..self.blank_record(ctx) });
                Err(self.turn_away(record, refused, ctx))
            }
        }
    }

    fn prepare_replacing(
        &self,
        (source, kept): (Source, Party),
        from_call: String,
        ctx: &mut Context<'_>,
    ) -> Result<Begun, Refused> {
        self.check_request()?;
        let offered = self.offer()?;
        let trunk = self.near();
        let admission = admit((trunk, Role::Caller), Importance::Ordinary, trunk.limits.refuse_with, ctx)?;
        let dialog = Dialog::called(&self.invite, tag(ctx), sent_by(self.policy, self.path), self.path);
        let caller = self.invite.from.uri().number().unwrap_or_default().into_owned();
        let mut said = Said::default();
        let offer = offered.map(|(sdp, offer)| {
            said.note(&sdp);
            offer
        });
        let new = Party::new(trunk, dialog, caller, said, admission);
        let joining = Joining::new([None, Some(source)], None, self.invite.clone());
        let begun = Begun::joined(self.key, self.trunk, [new, kept], joining, from_call, self.policy, ctx)?;
        let (request, source) = (self.invite.clone(), self.path.peer);
        let asked = Asked { side: Side::A, request, source, server: self.server };
        begun.asked_by(asked, offer, self.policy, ctx)
    }
}
