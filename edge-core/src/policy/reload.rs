//! What a policy takes over from the one before it, at a reload.
//!
//! Invariant: usage, state, and what was learnt of a trunk live under its name; nothing that runs is forgotten because the file
//! says otherwise now.

use std::collections::HashMap;
use std::sync::Arc;

use super::source::Sources;
use super::{Policy, Trunk, TrunkKey, certified, limits, names};

impl Policy {
    /// Takes over from `previous`: trunks of the same name go on with the usage that it counted, so that a reload neither
    /// forgets running calls nor forgives a caller its rate. A trunk that is gone or has moved, and still has calls, is
    /// known at its old addresses, or on connections that it has, until they have ended, but starts none.
    pub fn take_over(&mut self, previous: &Self) {
        let positions: HashMap<String, usize> =
            self.trunks.iter().enumerate().map(|(index, trunk)| (trunk.name.clone(), index)).collect();
        self.remember_names(previous);
        let unused = previous.trunks.iter().map(|trunk| trunk.key.0 + 1).max().unwrap_or(0);
        for (trunk, key) in self.trunks.iter_mut().zip(unused..) {
            *trunk = Arc::new(Trunk { key: TrunkKey(key), ..Trunk::clone(trunk) });
        }
        for old in &previous.trunks {
            let mut stays = false;
            if let Some(trunk) = positions.get(&old.name).map(|index| &mut self.trunks[*index]) {
                stays = trunk.is_where(old);
                let key = if stays { old.key } else { trunk.key };
                let same = stays && !old.former && trunk.targets == old.targets;
                let targets = Arc::clone(if same { &old.targets } else { &trunk.targets });
                let usage = Arc::clone(&old.usage);
                let registered = Arc::clone(&old.registered);
                let state = old.state_under(trunk);
                let guards = trunk.guards_after(old);
                // A place is one of its network.
                let visitor = match trunk.realm == old.realm {
                    true => trunk.visitor.after(&old.visitor),
                    false => trunk.visitor.clone(),
                };
                let own = Trunk::clone(trunk);
                *trunk = Arc::new(Trunk { key, targets, usage, registered, state, guards, visitor, ..own });
            }
            if !stays {
                self.trunks.extend(old.left());
            }
        }
        limits::keep_groups(&mut self.trunks, &previous.trunks);
        names::bound_former(&mut self.trunks);
        self.sources = Sources::new(&self.trunks);
        self.keys = certified(&self.trunks);
        self.doors = previous.doors.of(&self.node, &self.trunks);
    }
}
