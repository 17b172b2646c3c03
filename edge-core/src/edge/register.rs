//! REGISTER of trunks that register with us: said to [`crate::registrar`], which decides.

use std::sync::Arc;
use std::time::Instant;

use crate::call::Owner;
use crate::policy::{Binding, Registrar, Target, TrunkId};
use crate::registrar::{Place, granted, register};
use crate::sip::{HeaderName, Request, StatusCode, response_to};
use crate::transaction::Path;

use super::Edge;
use super::stateless::stateless_tag;

impl Edge {
    /// A REGISTER of a trunk that has proven itself, and may be registered.
    pub(super) fn on_register(
        &mut self,
        (trunk, rule): (TrunkId, &Registrar),
        path: Path,
        request: &Request,
        now: Instant,
    ) {
        let Ok(server) = self.resources.transactions.open_server_of(trunk, request, path, Owner::Nobody)
        else {
            return self.answer_with(path, request, StatusCode::SERVICE_UNAVAILABLE, now);
        };
        let trunk = Arc::clone(self.policy.trunk(trunk));
        let since_epoch = self.resources.at(now).since_epoch;
        let target = Target::new(path.peer, path.listener.transport);
        let place = Place { target, listener: path.listener, since_epoch };
        let bindings = &trunk.visitor.bindings;
        let outcome = bindings.change(since_epoch, |bindings| register(request, rule, &place, bindings));
        let standing = bindings.at(since_epoch);
        let (code, reason) = match &outcome {
            Ok(()) => (StatusCode::OK, StatusCode::OK.default_reason()),
            Err(refusal) => refusal.status(),
        };
        let tag = stateless_tag(self.tag_secret, &request.message);
        let response = response_to(&request.message, code, reason, path.peer, Some(tag.as_bytes()));
        let mut ctx = self.resources.at(now);
        let response = match &outcome {
            Ok(()) => {
                let date = ctx.time.map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
                let response = granted(response, request, &standing, since_epoch);
                date.into_iter().fold(response, |response, date| response.header(HeaderName::Date, date))
            }
            Err(refusal) => refusal.explain(response),
        };
        ctx.respond(server, code, response.empty());
        let (name, peer) = (&trunk.name, path.peer);
        match outcome {
            Ok(()) => {
                self.counters.registrations += 1;
                for binding in &standing {
                    self.policy.welcome(&trunk, binding.target.address.ip(), binding.until);
                }
                tracing::debug!(trunk = name, %peer, bindings = standing.len(), "registered");
            }
            Err(_) => tracing::info!(trunk = name, %peer, "REGISTER refused: {code} {reason}"),
        }
    }

    /// Nothing goes over a connection any more: who was reached over it is not.
    pub(super) fn forget_bindings_over(&mut self, path: Path, now: Instant) {
        if !path.is_reliable() {
            return;
        }
        let now = self.resources.at(now).since_epoch;
        for trunk in self.policy.registered_trunks() {
            let over =
                |binding: &Binding| (binding.listener, binding.target.address) == (path.listener, path.peer);
            let bindings = &trunk.visitor.bindings;
            if bindings.at(now).iter().any(over) {
                tracing::info!(trunk = trunk.name, peer = %path.peer, "its connection is gone, and its binding with it");
                bindings.change(now, |bindings| bindings.retain(|binding| !over(binding)));
            }
        }
    }
}
