//! Who is asked for a registration, and what the REGISTER says (RFC 3261 section 10.2, RFC 6140 section 5.2).
//!
//! Invariant: our Contact is made with the inquiry that it is told in, so a binding is withdrawn under the name that it was made by.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::call::{Context, Owner};
use crate::policy::{Register, Target};
use crate::sip::{HeaderName, MessageWriter, Method};
use crate::transaction::T1;

use super::super::{Addresses, Errand, Inquiry};
use super::machine::{Input, State};
use super::{Of, Registration};

/// How long one target may take over an answer (RFC 3261 timer F).
const PATIENCE: Duration = T1.saturating_mul(64);

impl Registration {
    /// Asks the targets anew, the one that has us first.
    pub(super) fn ask_first(&mut self, of: Of<'_>, ctx: &mut Context<'_>) {
        self.due_at = None;
        let mut order = of.trunk.targets.order(ctx.since_epoch, || ctx.random.next());
        if self.state == State::Refreshing && self.inquiry.is_some() {
            order.sort_by_key(|target| Some(target) != self.target.as_ref());
        }
        self.left = order.into();
        self.ask_next(of, ctx);
    }

    /// Asks the next target that there is a way to.
    pub(super) fn ask_next(&mut self, of: Of<'_>, ctx: &mut Context<'_>) {
        while let Some(target) = self.left.pop_front() {
            if self.target.as_ref() != Some(&target) || self.inquiry.is_none() {
                self.inquiry = self.inquiry_to(&target, of, ctx);
                self.target = Some(target);
            }
            if self.inquiry.is_some() {
                return self.ask(of, ctx);
            }
        }
        self.account.failure = Some(format!("nothing is known of where {} is", of.trunk.host));
        self.step(Input::Failed, of, ctx);
    }

    /// Sends the REGISTER to the target at hand.
    pub(super) fn ask(&mut self, of: Of<'_>, ctx: &mut Context<'_>) {
        let seconds = self.asked.as_secs();
        if self.send(seconds, of, ctx) {
            self.patient_until = Some(ctx.now + PATIENCE);
        } else {
            self.step(Input::Failed, of, ctx);
        }
    }

    /// What asks a target, with our Contact as that one is to know it.
    fn inquiry_to(&mut self, target: &Target, of: Of<'_>, ctx: &mut Context<'_>) -> Option<Inquiry> {
        let register = Arc::clone(&self.register);
        let mut contact = Bytes::new();
        let addresses = |sent_by: &Bytes| {
            contact = contact_at(&register, sent_by, target);
            let party: Bytes = format!("<sip:{}@{}>", register.user, register.domain).into();
            Addresses {
                uri: format!("sip:{}", register.server).into(),
                from: party.clone(),
                to: party,
                routes: of.trunk.proxy_route(&register).into_iter().collect(),
            }
        };
        let inquiry = Inquiry::new(Method::Register, of.policy, (of.trunk, target), addresses, ctx);
        self.contact = contact;
        inquiry
    }

    /// Sends a REGISTER for so many seconds; says whether it has left.
    pub(super) fn send(&mut self, seconds: u64, of: Of<'_>, ctx: &mut Context<'_>) -> bool {
        let Some(inquiry) = &mut self.inquiry else { return false };
        let owner = Owner::Relation(of.id, Errand::Registration);
        let (register, contact) = (&self.register, &self.contact);
        let asked = inquiry.ask(of.trunk, owner, |request| say(request, register, contact, seconds), ctx);
        if let Err(full) = &asked {
            self.account.failure = Some(format!("REGISTER not sent: {full}"));
        }
        asked.is_ok()
    }
}

/// What only a REGISTER says.
fn say(request: MessageWriter, register: &Register, contact: &Bytes, seconds: u64) -> MessageWriter {
    let contact = format!("<{}>;expires={seconds}", String::from_utf8_lossy(contact));
    let request =
        request.header(HeaderName::Contact, contact).header(HeaderName::Expires, seconds.to_string());
    if !register.bulk {
        return request.header(HeaderName::Supported, "path");
    }
    // RFC 6140 section 5.2.
    let request = request.header(HeaderName::Supported, "path, gin");
    request.header(HeaderName::Require, "gin").header(HeaderName::ProxyRequire, "gin")
}

/// Our Contact, as `sip:user@host:port`: for all numbers of the account at once it has no user (RFC 6140 section 5.2).
fn contact_at(register: &Register, sent_by: &Bytes, target: &Target) -> Bytes {
    let (at, transport) = (String::from_utf8_lossy(sent_by), target.transport.uri_param());
    let (user, token) = (&register.user, &register.token);
    if register.bulk {
        format!("sip:{at}{transport};bnc;line={token}").into()
    } else {
        format!("sip:{user}@{at}{transport};line={token}").into()
    }
}
