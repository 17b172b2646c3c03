//! Where a trunk is called that registers with us: each of its bindings is a target, asked for by a URI of its own
//! (RFC 3261 section 16.5). They are tried one after the other, as the targets of other trunks are.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::policy::{Binding, Number, Registrar, Trunk};
use crate::transaction::Path;

use super::Context;
use super::attempt::{Attempt, Attempts};
use super::leg::Leg;

/// How a binding is asked for.
#[derive(Debug, Clone)]
pub(super) struct Aim {
    /// The request-URI.
    target: Bytes,
    /// To, as a name-addr: the number.
    to: Bytes,
    /// Where the request has to pass.
    routes: Vec<Bytes>,
}

impl Aim {
    fn at(binding: &Binding, (trunk, registrar): (&Trunk, &Registrar), number: &Number) -> Self {
        let (user, param) = (trunk.numbers.write_user(number), trunk.numbers.uri_param(number));
        let to = [b"<sip:", user.as_bytes(), b"@", &binding.domain, param.as_bytes(), b">"].concat();
        Self {
            target: binding.request_uri(registrar.calls_to, &user),
            to: to.into(),
            routes: binding.routes.clone(),
        }
    }
}

/// The ways to the places where `trunk` is registered now, the first one and those after it; `None` when there are none.
pub(super) fn ways_to_bindings(
    (trunk, registrar): (&Trunk, &Registrar),
    number: &Number,
    ctx: &Context<'_>,
) -> Option<(Path, Attempts)> {
    let mut bindings = trunk.visitor.bindings.at(ctx.since_epoch);
    bindings.sort_by_key(|binding| binding.target.is_doubtful(ctx.since_epoch));
    let attempt = |binding: &Binding| Attempt {
        target: binding.target.clone(),
        path: Path { listener: binding.listener, peer: binding.target.address, proven: None },
        aim: Some(Aim::at(binding, (trunk, registrar), number)),
    };
    let mut left: VecDeque<Attempt> = bindings.iter().map(attempt).collect();
    let first = left.pop_front()?;
    Some((first.path, Attempts::new(first, left)))
}

impl Leg {
    /// Takes over what is to be tried, and asks for the first of it.
    pub(super) fn tries(&mut self, mut attempts: Attempts) {
        let aim = attempts.take_aim();
        self.attempts = attempts;
        self.aim(aim);
    }

    /// Asks for a binding from now on.
    pub(super) fn aim(&mut self, aim: Option<Aim>) {
        if let Some(Aim { target, to, routes }) = aim {
            self.dialog.aim(target, to, routes);
        }
    }
}
