//! User agents, an edge between them, a bad network and a clock that only moves when told to.
//!
//! Every pattern runs over hundreds of seeds: on a clean network, on one that loses, doubles, delays and reorders, and
//! with each side dying at any moment; then thousands of worlds of several calls at once, over datagrams and over
//! connections that break, some of them drained or reloaded in the middle; and transfers and redirections, in one shard and in
//! two. Whatever happens, `World::settle` checks what must hold: no call, no
//! transaction and no port is left, the media that was installed was removed, each INVITE that reached the edge made
//! exactly one record, and no SDP named a port whose media was not installed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets the unexpected has failed")]

mod crashes;
mod failover;
mod network;
mod patterns;
mod peer;
mod policy;
mod session;
mod silence;
mod swarm;
mod transfers;
mod world;
