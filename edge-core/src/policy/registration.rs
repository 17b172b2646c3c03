//! Trunks that we register with, as a phone does: what the operator decided of it, and what came of it.
//!
//! A call that comes in over such a relation is known by two things together: it comes from an address of the registrar's, and it is
//! for the Contact that was registered. Several trunks at one provider differ in their Contacts: each has a token of its own in it.
//!
//! Invariants: the token is made from a secret and cannot be guessed; from an address without a Contact of ours nobody is this trunk.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Number, OwnNumber, Policy, RealmId, Transport, Trunk, TrunkId};
use crate::sip::{NameAddr, Request, Uri};

/// Name of the URI parameter that has the token. PBXs of others use the same one.
pub const TOKEN: &[u8] = b"line";

/// How we register with a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The user of our address of record, escaped as a URI wants it.
    pub user: String,
    /// The domain of our address of record.
    pub domain: String,
    /// The registrar, and the domain of what we ask the trunk for: `host` or `host:port`.
    pub server: String,
    /// Whether requests go to an outbound proxy rather than to the domain; then they say so in a Route.
    pub through_proxy: bool,
    /// The number that calls to us are for when they name none.
    pub number: Option<String>,
    /// For how long we ask to be registered.
    pub expires: Duration,
    /// Whether all numbers of the account are registered at once (RFC 6140).
    pub bulk: bool,
    /// How long a registration that failed waits before it is tried again.
    pub retry: Retry,
    /// What our Contact is known by.
    pub token: String,
}

/// Waits that grow with each failure (RFC 5626 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Half of what the first wait is at most.
    pub base: Duration,
    /// What no wait exceeds.
    pub max: Duration,
}

impl Retry {
    /// What RFC 5626 recommends for a client that has no other way.
    pub const DEFAULT: Self = Self { base: Duration::from_secs(30), max: Duration::from_secs(1800) };

    /// The wait after so many failures in a row: at random between half of its bound and the bound.
    #[must_use]
    pub fn after(self, failures: u32, random: u64) -> Duration {
        let bound = self.base.saturating_mul(1_u32 << failures.min(16)).min(self.max);
        let half_ms = u64::try_from(bound.as_millis() / 2).unwrap_or(u64::MAX / 2);
        Duration::from_millis(half_ms + random % half_ms.max(1))
    }
}

/// What came of registering, for all shards; a reload keeps it.
#[derive(Debug, Default)]
pub struct Registered {
    now: AtomicBool,
    /// Taken for the moment of a copy: by calls over this trunk and when a registration is answered, never across either.
    account: Mutex<Arc<Account>>,
}

/// What is known of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What is going on, in a word.
    pub state: &'static str,
    /// When the registration runs out, unless it is refreshed.
    pub until: Option<Instant>,
    /// What went wrong last, since the last success.
    pub failure: Option<String>,
    /// When we ask again by ourselves, while it failed.
    pub next_try: Option<Instant>,
    /// By which address the registrar sees us (RFC 3581), behind a NAT another one than ours.
    pub seen_as: Option<SocketAddr>,
    /// The registrar, once it has answered.
    pub registrar: Option<SocketAddr>,
    /// Where requests of ours have to pass (RFC 3608).
    pub service_route: Vec<Bytes>,
    /// Who we are there, the first one by default (RFC 7315 section 4.1): URIs.
    pub associated: Vec<Bytes>,
    /// The numbers of these, as routes match them.
    pub numbers: Vec<Number>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            state: "unregistered",
            until: None,
            failure: None,
            next_try: None,
            seen_as: None,
            registrar: None,
            service_route: Vec::new(),
            associated: Vec::new(),
            numbers: Vec::new(),
        }
    }
}

impl Registered {
    /// Whether calls reach us.
    #[must_use]
    pub fn is_now(&self) -> bool {
        self.now.load(Ordering::Relaxed)
    }

    /// All that is known.
    #[must_use]
    pub fn account(&self) -> Arc<Account> {
        Arc::clone(&self.account.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note of what is known from now on.
    pub fn note(&self, now: bool, account: Account) {
        self.now.store(now, Ordering::Relaxed);
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(account);
    }
}

impl Trunk {
    /// The numbers that are ours there: as the operator wrote them, else as its registrar has said.
    #[must_use]
    pub fn own_numbers(&self) -> Option<Cow<'_, OwnNumber>> {
        if let Some(own) = &self.identity.own {
            return Some(Cow::Borrowed(own));
        }
        self.register.as_ref()?;
        let account = self.registered.account();
        let dids = account.numbers.iter().map(|number| number.as_str().to_owned()).collect();
        Some(Cow::Owned(OwnNumber { number: account.numbers.first()?.clone(), dids }))
    }

    /// The domain of requests to it, as a URI has it.
    #[must_use]
    pub fn domain(&self) -> String {
        self.register.as_ref().map_or_else(|| self.host.to_string(), |register| register.server.clone())
    }

    /// The headers that lead a request of ours outside of dialogs to it: its outbound proxy, and what its registrar has said
    /// (RFC 3608 section 5).
    #[must_use]
    pub fn routes(&self) -> Vec<Bytes> {
        let Some(register) = &self.register else { return Vec::new() };
        let service = self.registered.account().service_route.clone();
        self.proxy_route(register)
            .filter(|proxy| !service.contains(proxy))
            .into_iter()
            .chain(service)
            .collect()
    }

    /// The outbound proxy as a Route.
    #[must_use]
    pub fn proxy_route(&self, register: &Register) -> Option<Bytes> {
        let transport = self.host.transport().unwrap_or_default().uri_param();
        register.through_proxy.then(|| format!("<sip:{}{transport};lr>", self.host).into())
    }

    /// The URI of a call of its that says who is called. What is sent to our Contact as it was registered says that elsewhere: in
    /// P-Called-Party-ID (RFC 7315 section 4.2), else in To; and else it is the number of the trunk.
    #[must_use]
    pub fn called_by(&self, invite: &Request) -> Uri {
        let own = |uri: &Uri| {
            self.register.as_ref().is_some_and(|register| uri.user() == Some(register.user.as_bytes()))
        };
        let Some(register) = self.register.as_ref().filter(|_| own(&invite.uri)) else {
            return invite.uri.clone();
        };
        let message = &invite.message;
        let mut named = message.headers().filter(|of| of.raw_name.eq_ignore_ascii_case(b"P-Called-Party-ID"));
        let party = named.next().and_then(|named| NameAddr::parse(message.share(named.value)).ok());
        let said = party.map(|party| party.uri().clone()).into_iter().chain([invite.to.uri().clone()]);
        let number = register.number.as_ref();
        let number =
            number.and_then(|number| Uri::parse(format!("sip:{number}@{}", register.domain).into()).ok());
        let said = said.filter(|uri| uri.user().is_some() && !own(uri));
        said.chain(number).next().unwrap_or_else(|| invite.uri.clone())
    }

    /// Whether a request outside of dialogs is for the Contact that we have registered there.
    fn is_asked_by(&self, request: &Request) -> Claim {
        let Some(register) = &self.register else { return Claim::None };
        let uri = &request.uri;
        if uri.params().get(TOKEN).and_then(|token| token.value) == Some(register.token.as_bytes()) {
            return Claim::Token;
        }
        let number = |number: &String| uri.number().is_some_and(|asked| asked == number.as_str());
        let associated = || {
            let account = self.registered.account();
            !account.numbers.is_empty() && account.numbers.contains(&self.numbers.read(uri))
        };
        let named = uri.user() == Some(register.user.as_bytes())
            || register.number.as_ref().is_some_and(number)
            || associated();
        if named && uri.params().get(TOKEN).is_none() { Claim::Name } else { Claim::None }
    }
}

/// By what a request belongs to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Token,
    /// The user or a number of it: what is left of a Contact where a proxy drops its parameters.
    Name,
    None,
}

impl Policy {
    /// The trunk that asks us for something outside of dialogs: a trunk that we register with when the request is for what we have
    /// registered there, else the trunk that is known by its address, and by what it bears where several share that.
    #[must_use]
    pub fn asker(
        &self,
        realm: RealmId,
        transport: Transport,
        source: SocketAddr,
        request: &Request,
    ) -> Option<TrunkId> {
        let here = self.sources.registered(realm, transport, source);
        let claim = |wanted| {
            let asked =
                |id: &TrunkId| !self.trunk(*id).former && self.trunk(*id).is_asked_by(request) == wanted;
            let mut claimed = here.clone().filter(asked);
            // Two with the same name and no token cannot be told apart: it is neither.
            claimed.next().filter(|_| claimed.next().is_none())
        };
        let registered = claim(Claim::Token).or_else(|| claim(Claim::Name));
        registered.or_else(|| self.sources.sender(realm, transport, source, request))
    }
}

#[cfg(test)]
mod tests;
