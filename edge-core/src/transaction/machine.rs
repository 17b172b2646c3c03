//! The four machines behind one face, for the layer that hosts them.

use crate::sip::StatusCode;

use super::step::{Effect, Step, Timer};
use super::{ClientInvite, ClientNonInvite, ServerInvite, ServerNonInvite};
use super::{client_invite, client_non_invite, server_invite, server_non_invite};

/// A transaction's kind and state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the names of RFC 3261's machines")]
pub(super) enum Machine {
    ClientInvite(ClientInvite),
    ClientNonInvite(ClientNonInvite),
    ServerInvite(ServerInvite),
    ServerNonInvite(ServerNonInvite),
}

impl Machine {
    /// A request of the same transaction arrived: the request again, or an ACK.
    pub(super) const fn on_request(&mut self, is_ack: bool) -> &'static [Effect] {
        match self {
            Self::ServerInvite(state) => {
                let input = if is_ack { server_invite::Input::Ack } else { server_invite::Input::Request };
                take(state, state.step(input))
            }
            Self::ServerNonInvite(state) => take(state, state.step(server_non_invite::Input::Request)),
            Self::ClientInvite(_) | Self::ClientNonInvite(_) => &[],
        }
    }

    /// A response arrived at a client, or the user of a server answers.
    pub(super) const fn on_response(&mut self, code: StatusCode) -> &'static [Effect] {
        match self {
            Self::ClientInvite(state) => {
                use client_invite::Input;
                take(state, state.step(by_class(code, Input::Provisional, Input::Success, Input::Failure)))
            }
            Self::ClientNonInvite(state) => {
                use client_non_invite::Input;
                take(state, state.step(by_class(code, Input::Provisional, Input::Final, Input::Final)))
            }
            Self::ServerInvite(state) => {
                use server_invite::Input;
                take(state, state.step(by_class(code, Input::Provisional, Input::Success, Input::Failure)))
            }
            Self::ServerNonInvite(state) => {
                use server_non_invite::Input;
                take(state, state.step(by_class(code, Input::Provisional, Input::Final, Input::Final)))
            }
        }
    }

    /// The connection of the transaction is gone. A server's answer has another way then; one that nobody has
    /// acknowledged takes it at once.
    pub(super) const fn on_unreachable(&mut self) -> &'static [Effect] {
        match self {
            Self::ClientInvite(state) => take(state, state.step(client_invite::Input::Unreachable)),
            Self::ClientNonInvite(state) => take(state, state.step(client_non_invite::Input::Unreachable)),
            Self::ServerInvite(state) => take(state, state.step(server_invite::Input::Unreachable)),
            Self::ServerNonInvite(_) => &[],
        }
    }

    pub(super) const fn on_timer(&mut self, timer: Timer) -> &'static [Effect] {
        match self {
            Self::ClientInvite(state) => take(state, state.step(client_invite::Input::Fired(timer))),
            Self::ClientNonInvite(state) => take(state, state.step(client_non_invite::Input::Fired(timer))),
            Self::ServerInvite(state) => take(state, state.step(server_invite::Input::Fired(timer))),
            Self::ServerNonInvite(state) => take(state, state.step(server_non_invite::Input::Fired(timer))),
        }
    }

    /// Whether it waits for someone without a timer that ends the wait.
    pub(super) const fn is_open_ended(self) -> bool {
        matches!(
            self,
            Self::ClientInvite(ClientInvite::Proceeding)
                | Self::ServerInvite(ServerInvite::Proceeding)
                | Self::ServerNonInvite(ServerNonInvite::Trying | ServerNonInvite::Proceeding)
        )
    }

    /// Whether nothing of it is sent any more but what its user says anew: an INVITE that was accepted (RFC 6026).
    pub(super) const fn only_absorbs(self) -> bool {
        matches!(
            self,
            Self::ClientInvite(ClientInvite::Accepted) | Self::ServerInvite(ServerInvite::Accepted)
        )
    }

    pub(super) const fn is_terminated(self) -> bool {
        matches!(
            self,
            Self::ClientInvite(ClientInvite::Terminated)
                | Self::ClientNonInvite(ClientNonInvite::Terminated)
                | Self::ServerInvite(ServerInvite::Terminated)
                | Self::ServerNonInvite(ServerNonInvite::Terminated)
        )
    }
}

const fn take<S: Copy>(state: &mut S, step: Step<S>) -> &'static [Effect] {
    *state = step.next;
    step.effects
}

const fn by_class<I: Copy>(code: StatusCode, provisional: I, success: I, failure: I) -> I {
    if code.is_provisional() {
        provisional
    } else if code.is_success() {
        success
    } else {
        failure
    }
}
