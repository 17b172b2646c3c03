//! One side of a call: its dialog, the trunk it belongs to, and the session description that we gave it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::dialog::Dialog;
use crate::policy::{Admission, ReliableProvisional, Trunk};
use crate::sdp;
use crate::sip::{HeaderName, Message, Method, Request};
use crate::transaction::Path;

use super::attempt::Attempts;
use super::reliable::RAck;
use super::session_timer::SessionTimer;
use super::{SUPPORTED, SUPPORTED_UNRELIABLY};

/// One side of a call.
#[derive(Debug)]
pub(crate) struct Leg {
    /// The trunk as it was when the call began; a reload does not change a running call.
    pub(super) trunk: Arc<Trunk>,
    pub(super) dialog: Dialog,
    pub(super) state: LegState,
    pub(super) session: LocalSession,
    /// Whether it has said that it takes UPDATE.
    pub(super) takes_update: bool,
    /// How its session is kept going.
    pub(super) timer: SessionTimer,
    /// What this side says of its own media.
    pub(super) said: Said,
    /// The ACKs of the last 2xx from this side, newest last, kept for when one of them comes again.
    pub(super) acks: VecDeque<SentAck>,
    /// Answers of other forks that were hung up.
    pub(super) forks_hung_up: u32,
    /// When it is to hear the description in force, which is not the one that it was told of.
    pub(super) describe_at: Option<Instant>,
    /// Requests of ours to it with a CSeq up to this were a former process's.
    pub(super) inherited: u32,
    /// A reliable response that its INVITE was answered without the acknowledgement of: that may still come.
    pub(super) unpracked: Option<RAck>,
    /// What our newest INVITE to it proved, for the ACK of its 2xx.
    pub(super) proof: Option<Bytes>,
    /// The targets of its trunk.
    pub(super) attempts: Attempts,
    /// Room on the trunk; given back when the call ends, whatever its peers still owe us.
    pub(super) admission: Option<Admission>,
}

/// ACKs that a leg keeps. A 2xx comes again, or from another fork, for half a minute after the first; a peer that
/// makes more of them than this is not answered.
const ACKS_MAX: usize = 8;

impl Leg {
    /// Where a request to this side goes; where its messages come from, when it is behind a NAT.
    pub(super) fn path(&self) -> Path {
        self.path_in(&self.dialog)
    }

    /// The same for a dialog of its own, of several early ones.
    pub(super) fn path_in(&self, dialog: &Dialog) -> Path {
        dialog.path(|address| !self.trunk.nat && self.trunk.is_at(address))
    }

    /// The extensions that we keep with it.
    pub(super) fn supported(&self) -> &'static str {
        if self.trunk.reliable_provisional == ReliableProvisional::Off {
            SUPPORTED_UNRELIABLY
        } else {
            SUPPORTED
        }
    }

    /// Takes the new target from a request that may change it (RFC 3261 section 12.2.2, RFC 3311 section 5.2).
    pub(super) fn refresh(&mut self, request: &Request) {
        self.dialog.refresh_target(request.contact.as_ref());
        self.learn(&request.message);
    }

    /// Takes note of the methods that it says it understands.
    pub(super) fn learn(&mut self, message: &Message) {
        if let Some(takes) = takes_update(message) {
            self.takes_update = takes;
        }
    }

    /// What is left of a leg whose dialog has gone to another call.
    pub(super) fn placeholder(&self) -> Self {
        Self {
            attempts: Attempts::default(),
            trunk: Arc::clone(&self.trunk),
            dialog: self.dialog.clone(),
            state: LegState::Closed,
            session: LocalSession::new(self.session.address, 0),
            takes_update: false,
            timer: SessionTimer::new(None),
            // The record of a call without media says where this side wanted it.
            said: self.said.clone(),
            acks: VecDeque::new(),
            forks_hung_up: 0,
            unpracked: None,
            proof: None,
            describe_at: None,
            inherited: 0,
            admission: None,
        }
    }

    /// Keeps an ACK for when its 2xx comes again.
    pub(super) fn keep_ack(&mut self, ack: SentAck) {
        if self.acks.len() == ACKS_MAX {
            self.acks.pop_front();
        }
        // A session has one as a rule, and keeps it as long as it lasts.
        self.acks.reserve_exact(1);
        self.acks.push_back(ack);
    }
}

/// Whether a message allows UPDATE; `None` when it says nothing of what it allows.
pub(super) fn takes_update(message: &Message) -> Option<bool> {
    message.first(HeaderName::Allow)?;
    Some(message.values(HeaderName::Allow).any(|method| method == Method::Update.as_bytes()))
}

/// The descriptions that a side gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    newest: Bytes,
    /// The one in force.
    agreed: Bytes,
}

impl Said {
    /// Takes note of an offer or answer of its.
    pub(super) fn note(&mut self, sdp: &[u8]) {
        self.newest = Bytes::copy_from_slice(sdp);
    }

    /// What it said last is in force now.
    pub(super) fn agree(&mut self) {
        self.agreed = self.newest.clone();
    }

    /// The description in force.
    pub(super) const fn agreed(&self) -> &Bytes {
        &self.agreed
    }

    /// The same; before there is one, what it has offered.
    pub(super) const fn standing(&self) -> &Bytes {
        if self.agreed.is_empty() { &self.newest } else { &self.agreed }
    }
}

/// How far a side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LegState {
    /// Its INVITE has no final answer yet.
    Early,
    /// Its INVITE was answered with 2xx.
    Confirmed,
    /// Our INVITE to it was withdrawn; its final answer is awaited.
    Cancelling,
    /// It has not acknowledged our 2xx, and the call is over: a BYE follows its ACK (RFC 3261 section 15).
    AwaitingAck,
    /// We sent BYE and await the answer.
    Leaving,
    /// Nothing more is expected of it.
    Closed,
}

/// An ACK that was sent for a 2xx.
#[derive(Debug, Clone)]
pub(super) struct SentAck {
    pub(super) sequence: u32,
    pub(super) remote_tag: Option<Bytes>,
    pub(super) bytes: Bytes,
    pub(super) path: Path,
}

/// The session that we describe to one side (RFC 3264 section 8: the version grows by one with each change).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LocalSession {
    address: IpAddr,
    id: u64,
    version: u64,
    last: Bytes,
    /// The last one that belongs to a finished offer and answer: what a refused offer leaves in force.
    agreed: Bytes,
}

impl LocalSession {
    /// A session of ours at `address`; `random` becomes its id.
    pub(super) const fn new(address: IpAddr, random: u64) -> Self {
        // RFC 8866 section 5.2: a number that fits a signed 64-bit integer everywhere.
        Self { address, id: random >> 2, version: 1, last: Bytes::new(), agreed: Bytes::new() }
    }

    /// From now on the session is at `address`: its next description says so.
    pub(super) const fn move_to(&mut self, address: IpAddr) {
        self.address = address;
    }

    /// The description that `build` makes, under a new version when it differs from the last one sent.
    pub(super) fn describe(&mut self, build: impl Fn(sdp::Origin) -> Bytes) -> Bytes {
        let described = build(self.origin(self.version));
        if described == self.last {
            return described;
        }
        if !self.last.is_empty() {
            self.version += 1;
        }
        self.last = build(self.origin(self.version));
        self.last.clone()
    }

    /// Whether what `build` makes was described last.
    pub(super) fn is_last(&self, build: impl Fn(sdp::Origin) -> Bytes) -> bool {
        build(self.origin(self.version)) == self.last
    }

    /// What was described last is in force now.
    pub(super) fn agree(&mut self) {
        self.agreed = self.last.clone();
    }

    /// The description in force.
    pub(super) const fn agreed(&self) -> &Bytes {
        &self.agreed
    }

    /// The description in force, said again: under a new version where another one was said since, for whoever took that would
    /// take an older one for nothing new.
    pub(super) fn again(&mut self) -> Bytes {
        let agreed = self.agreed.clone();
        if agreed.is_empty() { agreed } else { self.describe(|origin| sdp::renewed(&agreed, origin)) }
    }

    const fn origin(&self, version: u64) -> sdp::Origin {
        sdp::Origin { address: self.address, session_id: self.id, version }
    }
}
