//! What DNS says of trunks, taken into a policy. A policy does not change: each answer makes another one.
//!
//! Invariants: positions of the operator's trunks stay; a place that a trunk has left is known as long as calls run there,
//! starts none, and is one of at most [`FORMER_MAX`] of its trunk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Auth, Policy, Targets, Transport, Trunk};
use crate::resolve::Question;

/// Places that a trunk has left and is still known at. A zone that gives another answer each time must not fill the memory.
pub(super) const FORMER_MAX: usize = 16;

impl Policy {
    /// Everything that DNS is to be asked for.
    #[must_use]
    pub fn questions(&self) -> BTreeSet<Question> {
        self.trunks.iter().filter_map(|trunk| self.question_of(trunk)).collect()
    }

    /// What leads to a trunk whose host is a name. Over TLS it has to prove that it is someone that we expect.
    #[must_use]
    pub fn question_of(&self, trunk: &Trunk) -> Option<Question> {
        if trunk.former {
            return None;
        }
        let usable = |transport: Transport| match transport {
            Transport::Tls => !trunk.names.is_empty(),
            Transport::Udp | Transport::Tcp => trunk.auth != Auth::Certificate,
        };
        let listeners = self.realm(trunk.realm).sip.iter().copied();
        let listeners: Vec<_> = listeners.filter(|listener| usable(listener.transport)).collect();
        Question::of(&trunk.host, &listeners)
    }

    /// This policy, once `question` leads to `targets`; `None` when it does already. Addresses of ours are left out: the edge
    /// would call itself.
    #[must_use]
    pub fn led(&self, question: &Question, targets: Targets) -> Option<Self> {
        let ours = |address| self.realms.iter().any(|realm| realm.listens_at(address));
        let mut targets = targets.without(|target| ours(target.address));
        let asks = |trunk: &Trunk| self.question_of(trunk).is_some_and(|asked| asked == *question);
        let before = self.trunks.iter().find(|trunk| asks(trunk))?;
        if *before.targets == targets {
            return None;
        }
        targets.inherit(&before.targets);
        let led = |trunk: &Arc<Trunk>| {
            let old = (!asks(trunk)).then(|| Arc::clone(trunk));
            // Calls are counted apart for each trunk.
            old.unwrap_or_else(|| {
                Arc::new(Trunk { targets: Arc::new(targets.afresh()), ..Trunk::clone(trunk) })
            })
        };
        let mut trunks: Vec<_> = self.trunks.iter().map(led).collect();
        let by_address = |trunk: &&Arc<Trunk>| matches!(trunk.auth, Auth::Address | Auth::Registration);
        trunks.extend(
            self.trunks
                .iter()
                .filter(|trunk| asks(trunk))
                .filter(by_address)
                .filter_map(|trunk| trunk.left()),
        );
        Some(self.with(trunks))
    }

    /// This policy without the places where no call runs any more; `None` when there are none such.
    #[must_use]
    pub fn without_deserted(&self) -> Option<Self> {
        let deserted = |trunk: &Arc<Trunk>| trunk.former && trunk.targets.calls() == 0;
        if !self.trunks.iter().any(deserted) {
            return None;
        }
        Some(self.with(self.trunks.iter().filter(|trunk| !deserted(trunk)).cloned().collect()))
    }

    /// What `previous` knew of names stays known: a reload does not make DNS forgotten.
    pub(super) fn remember_names(&mut self, previous: &Self) {
        let known: BTreeMap<Question, &Arc<Trunk>> =
            previous.trunks.iter().filter_map(|trunk| Some((previous.question_of(trunk)?, trunk))).collect();
        for index in 0..self.trunks.len() {
            let Some(question) = self.question_of(&self.trunks[index]) else { continue };
            if let Some(same) = known.get(&question) {
                let targets = Arc::new(same.targets.afresh());
                self.trunks[index] = Arc::new(Trunk { targets, ..Trunk::clone(&self.trunks[index]) });
            }
        }
    }

    /// The same policy with other trunks.
    pub(super) fn with(&self, mut trunks: Vec<Arc<Trunk>>) -> Self {
        bound_former(&mut trunks);
        Self {
            node: self.node.clone(),
            realms: self.realms.clone(),
            sources: super::Sources::new(&trunks),
            keys: super::certified(&trunks),
            doors: self.doors.of(&self.node, &trunks),
            trunks,
            routes: Arc::clone(&self.routes),
            strangers: self.strangers,
            timers: self.timers,
            message_bounds: self.message_bounds,
            shield: self.shield,
        }
    }
}

/// Forgets the oldest places of a trunk that has left too many.
pub(super) fn bound_former(trunks: &mut Vec<Arc<Trunk>>) {
    let mut newer: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<_> = trunks
        .drain(..)
        .rev()
        .filter(|trunk| {
            if !trunk.former {
                return true;
            }
            let newer = newer.entry(trunk.name.clone()).or_insert(0);
            *newer += 1;
            *newer <= FORMER_MAX
        })
        .collect();
    kept.reverse();
    *trunks = kept;
}

impl Trunk {
    /// The place that a trunk leaves: nothing, when no call runs there.
    pub(super) fn left(&self) -> Option<Arc<Self>> {
        let here = self.targets.calls() > 0;
        here.then(|| Arc::new(Self { enabled: false, former: true, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests;
