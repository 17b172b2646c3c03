//! Whose media is left out of the edge: both trunks of a call have to say so, and hosts of their realms have to reach each other.

use super::{Policy, RealmId, Trunk};

impl Policy {
    /// Whether media of a call between these trunks goes from one to the other without the edge.
    #[must_use]
    pub fn leaves_media_out(&self, one: &Trunk, other: &Trunk) -> bool {
        one.goes_direct() && other.goes_direct() && self.reach_each_other(one.realm, other.realm)
    }

    /// Whether hosts of these realms can send each other packets: they are in one network, or the operator says so of either.
    #[must_use]
    pub fn reach_each_other(&self, one: RealmId, other: RealmId) -> bool {
        let says = |of: RealmId, to: RealmId| self.realm(of).reaches.contains(&to);
        one == other || says(one, other) || says(other, one)
    }
}

impl Trunk {
    /// Whether its media may go past the edge. Behind a NAT nobody knows where it comes from, and digits of media that goes past
    /// are neither converted nor masked.
    #[must_use]
    pub const fn goes_direct(&self) -> bool {
        self.media.direct && !self.nat && !self.dtmf.needs_media()
    }
}

#[cfg(test)]
mod tests;
