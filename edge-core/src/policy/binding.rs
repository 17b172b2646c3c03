//! Where a trunk is that registers with us: what its REGISTERs have said, until that runs out (RFC 3261 section 10.3).
//!
//! Invariants: a binding leads to where its REGISTER came from, whatever its Contact says, so nobody can point the edge at
//! somebody else; a trunk has at most [`BINDINGS_MAX`]; all shards see the same ones, and a reload keeps them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::{ListenerId, Target};
use crate::sip::Uri;

/// Places of one trunk: a PBX has one, a pair of them or one with several ways in has some.
pub const BINDINGS_MAX: usize = 8;

/// What the operator decided of a trunk's registrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrar {
    /// The user of its address of record, as a URI has it.
    pub user: String,
    /// The shortest time that it may be registered for.
    pub expires_min: Duration,
    /// The longest; also when it does not say.
    pub expires_max: Duration,
    /// What the request-URI of calls to it is.
    pub calls_to: CallsTo,
}

/// What the request-URI of a call to a binding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallsTo {
    /// Its Contact, as it is written (RFC 3261 section 16.5): the number is in To.
    #[default]
    Contact,
    /// The number, at its Contact.
    Number,
}

/// One place of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its Contact.
    pub contact: Bytes,
    /// Where the REGISTER came from.
    pub target: Target,
    /// Which listener of ours it came to; what answers to it leaves from there.
    pub listener: ListenerId,
    /// The host of its address of record, as it writes it.
    pub domain: Bytes,
    /// Where requests to it have to pass (RFC 3327).
    pub routes: Vec<Bytes>,
    /// Its preference, in thousandths.
    pub q: u16,
    /// Whether it takes all numbers of the trunk, each at this host (RFC 6140).
    pub bulk: bool,
    /// Call-ID of the newest REGISTER for it.
    pub call_id: Bytes,
    /// And its CSeq.
    pub cseq: u32,
    /// Until when it counts, from an instant that all shards share.
    pub until: Duration,
    /// When it was said last.
    pub renewed: Duration,
    /// What it calls itself (User-Agent).
    pub agent: Bytes,
}

impl Binding {
    /// Whether both name the same Contact.
    #[must_use]
    pub fn is_of(&self, contact: &Uri) -> bool {
        let same = |own: Uri| own.same_target(contact);
        self.contact == contact.as_bytes() || Uri::parse(self.contact.clone()).is_ok_and(same)
    }

    /// The request-URI of a call for this user, which is escaped already.
    #[must_use]
    pub fn request_uri(&self, calls_to: CallsTo, user: &str) -> Bytes {
        if !self.bulk && calls_to == CallsTo::Contact {
            return self.contact.clone();
        }
        let Ok(contact) = Uri::parse(self.contact.clone()) else { return self.contact.clone() };
        let scheme = memchr::memchr(b':', &self.contact).map_or(0, |colon| colon + 1);
        let (host, port) = contact.host_port();
        let mut uri = [&self.contact[..scheme], user.as_bytes(), b"@", host].concat();
        if let Some(port) = port {
            uri.extend_from_slice(format!(":{port}").as_bytes());
        }
        // RFC 6140 section 5.2: what stands for all numbers stands in none of them.
        for param in contact.params().filter(|param| !param.name.eq_ignore_ascii_case(BULK)) {
            uri.push(b';');
            uri.extend_from_slice(param.name);
            if let Some(value) = param.value {
                uri.push(b'=');
                uri.extend_from_slice(value);
            }
        }
        uri.into()
    }
}

/// The URI parameter of a Contact that stands for all numbers (RFC 6140 section 5.2).
pub const BULK: &[u8] = b"bnc";

/// The places of one trunk.
#[derive(Debug, Default)]
pub struct Bindings {
    /// Taken for the moment of a copy, or of one REGISTER.
    all: Mutex<Arc<Vec<Binding>>>,
}

impl Bindings {
    /// Those that count at this time, in the order in which they are called: by preference, then the newest first.
    #[must_use]
    pub fn at(&self, since_epoch: Duration) -> Vec<Binding> {
        let all = Arc::clone(&self.all.lock().unwrap_or_else(PoisonError::into_inner));
        let mut standing: Vec<_> =
            all.iter().filter(|binding| binding.until > since_epoch).cloned().collect();
        standing.sort_by_key(|binding| (std::cmp::Reverse(binding.q), std::cmp::Reverse(binding.renewed)));
        standing
    }

    /// Whether there is any.
    #[must_use]
    pub fn any(&self, since_epoch: Duration) -> bool {
        let all = Arc::clone(&self.all.lock().unwrap_or_else(PoisonError::into_inner));
        all.iter().any(|binding| binding.until > since_epoch)
    }

    /// Changes them at one go; those that have run out are forgotten first.
    pub fn change<T>(&self, since_epoch: Duration, change: impl FnOnce(&mut Vec<Binding>) -> T) -> T {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next: Vec<Binding> =
            all.iter().filter(|binding| binding.until > since_epoch).cloned().collect();
        let outcome = change(&mut next);
        next.truncate(BINDINGS_MAX);
        *all = Arc::new(next);
        outcome
    }
}
