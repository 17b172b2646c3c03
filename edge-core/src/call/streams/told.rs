//! Our ends of streams as the sides know them, who may be beyond a NAT.

use std::net::SocketAddr;

use crate::policy::{Advertised, Policy};

use super::super::Side;
use super::Streams;

impl Streams {
    /// What `side` is told of our end of a stream.
    pub(super) fn told(&self, side: Side, number: usize, policy: &Policy) -> Option<SocketAddr> {
        self.local(side, number).map(|local| self.advertised(side, policy).for_socket(local))
    }

    /// What stands for our addresses there.
    pub(super) fn advertised<'a>(&self, side: Side, policy: &'a Policy) -> &'a Advertised {
        &policy.realm(self.ends[side.index()].realm).advertised
    }
}
