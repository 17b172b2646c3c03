//! A dialog of ours (RFC 3261 section 12): what every request within it has to say, on either side of the edge.
//!
//! Invariants: the local CSeq only grows; once the remote tag is known it does not change; requests go where the
//! route set or remote target says only when that is an address of the peer's, else where its messages come from:
//! otherwise a peer could point the edge at anyone, and one behind a NAT would never hear from it.

mod journal;
mod stray;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use crate::policy::Transport;
use crate::sip::{
    HeaderName, HeaderRules, Message, MessageWriter, Method, NameAddr, Request, Response, Scheme, Uri,
};
use crate::transaction::{Branch, Path};

pub(crate) use journal::DialogSnapshot;

/// Our side of a dialog.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// Call-ID, as it is written.
    pub call_id: Bytes,
    /// Our tag.
    pub local_tag: Bytes,
    /// The peer's tag, once it has answered.
    pub remote_tag: Option<Bytes>,
    /// Our name-addr, without a tag: From in our requests, To in the peer's.
    local: Bytes,
    /// The peer's name-addr, without a tag.
    remote: Bytes,
    /// The peer's Contact: request-URI of our requests.
    remote_target: Bytes,
    /// Route headers, in the order they are written.
    route_set: Vec<Bytes>,
    /// Our address in Via and Contact, as `host:port`.
    sent_by: Bytes,
    /// Whether the INVITE that opened it was for a `sips:` URI.
    asked_secure: bool,
    local_seq: u32,
    remote_seq: Option<u32>,
    path: Path,
    /// What the operator changes of our requests.
    rules: Option<Arc<HeaderRules>>,
}

/// Why a request does not fit its dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfOrder {
    /// Its CSeq is not above the last one (RFC 3261 section 12.2.2): 500.
    LowerSequence,
}

impl Dialog {
    /// The dialog that `invite` asks for, with us as the called side. `sent_by` is our `host:port` there.
    #[must_use]
    pub fn called(invite: &Request, local_tag: Bytes, sent_by: Bytes, path: Path) -> Self {
        Self {
            call_id: owned(&invite.call_id),
            local_tag,
            remote_tag: invite.from.tag().map(owned),
            local: name_addr_of(&invite.to),
            remote: name_addr_of(&invite.from),
            remote_target: owned(target_of(invite.contact.as_ref()).unwrap_or(invite.from.uri().as_bytes())),
            route_set: record_route(&invite.message),
            sent_by,
            asked_secure: invite.uri.scheme() == Scheme::Sips,
            local_seq: 0,
            remote_seq: Some(invite.cseq),
            path,
            rules: None,
        }
    }

    /// A dialog that we are about to ask for: `local` and `remote` are name-addrs, `target` the request-URI.
    #[must_use]
    pub fn calling(
        call_id: Bytes,
        local_tag: Bytes,
        local: Bytes,
        remote: Bytes,
        target: Bytes,
        sent_by: Bytes,
        path: Path,
    ) -> Self {
        Self {
            call_id,
            local_tag,
            remote_tag: None,
            local,
            remote,
            remote_target: target,
            route_set: Vec::new(),
            sent_by,
            asked_secure: false,
            local_seq: 0,
            remote_seq: None,
            path,
            rules: None,
        }
    }

    /// The same, by way of `routes` until the peer has said which ones its answer took.
    #[must_use]
    pub fn through(self, routes: Vec<Bytes>) -> Self {
        Self { route_set: routes, ..self }
    }

    /// Takes tag, target and route set from the 2xx to our INVITE (RFC 3261 section 12.1.2).
    pub fn confirm(&mut self, response: &Response) {
        self.remote_tag = response.to.tag().map(owned);
        self.route_set = record_route(&response.message);
        self.route_set.reverse();
        self.refresh_target(response.contact.as_ref());
    }

    /// Goes on with the CSeq numbers of the peer in `early`, the early dialog that this one was before its 2xx.
    pub fn follow(&mut self, early: &Self) {
        self.remote_seq = early.remote_seq;
    }

    /// Takes a new target from a re-INVITE or its 2xx (RFC 3261 section 12.2).
    pub fn refresh_target(&mut self, contact: Option<&NameAddr>) {
        if let Some(target) = target_of(contact) {
            self.remote_target = owned(target);
        }
    }

    /// Whether a request with these tags is within this dialog.
    #[must_use]
    pub fn contains(&self, request: &Request) -> bool {
        request.call_id == self.call_id
            && request.to.tag() == Some(self.local_tag.as_ref())
            && request.from.tag() == self.remote_tag.as_deref()
    }

    /// Whether a request comes from someone who has our INVITE and has not answered it yet: a dialog of theirs, none of
    /// ours.
    #[must_use]
    pub fn is_asked_for_by(&self, request: &Request) -> bool {
        self.remote_tag.is_none()
            && request.call_id == self.call_id
            && request.to.tag() == Some(self.local_tag.as_ref())
    }

    /// Checks and takes the CSeq of a request within the dialog (RFC 3261 section 12.2.2).
    ///
    /// # Errors
    /// [`OutOfOrder`] when the number is not above the last one.
    pub fn accept_sequence(&mut self, request: &Request) -> Result<(), OutOfOrder> {
        if self.remote_seq.is_some_and(|last| request.cseq <= last) {
            return Err(OutOfOrder::LowerSequence);
        }
        self.remote_seq = Some(request.cseq);
        Ok(())
    }

    /// Our next CSeq number.
    pub const fn next_sequence(&mut self) -> u32 {
        self.local_seq += 1;
        self.local_seq
    }

    /// A request within the dialog, up to its body. An ACK or CANCEL repeats the INVITE's `sequence`.
    pub fn request(&self, method: &Method, branch: Branch, sequence: u32) -> MessageWriter {
        self.forwarded(method, branch, sequence, MAX_FORWARDS)
    }

    /// Like [`Dialog::request`], for a request that came across the edge and has `hops` left.
    pub fn forwarded(&self, method: &Method, branch: Branch, sequence: u32, hops: u8) -> MessageWriter {
        let transport = self.path.listener.transport.via_token().as_bytes();
        let (sent_by, branch) = (self.sent_by.as_ref(), branch.text());
        // RFC 5923: who has proven to be the trunk may send its own requests over the connection of ours.
        let alias: &[u8] = if self.path.proven.is_some() { b";alias" } else { b"" };
        let via: [&[u8]; 8] = [b"SIP/2.0/", transport, b" ", sent_by, b";branch=", &branch, b";rport", alias];
        let strict = self.strict_router();
        let request_uri = strict.as_ref().map_or(self.remote_target.as_ref(), Uri::as_bytes);
        let request = MessageWriter::request(method, request_uri).ruled(self.rules.as_ref());
        let mut request = request.parts(HeaderName::Via, &via);
        for route in self.route_set.iter().skip(usize::from(strict.is_some())) {
            request = request.header(HeaderName::Route, route);
        }
        if strict.is_some() {
            request = request.header(HeaderName::Route, [b"<", self.remote_target.as_ref(), b">"].concat());
        }
        request = request
            .number(HeaderName::MaxForwards, hops.into(), &[])
            .parts(HeaderName::From, &[&self.local, b";tag=", &self.local_tag]);
        request = match &self.remote_tag {
            Some(tag) => request.parts(HeaderName::To, &[&self.remote, b";tag=", tag]),
            None => request.header(HeaderName::To, &self.remote),
        };
        request = request.header(HeaderName::CallId, &self.call_id).number(
            HeaderName::CSeq,
            sequence,
            &[b" ", method.as_bytes()],
        );
        // RFC 3261 section 8.1.1.8, RFC 3311 section 5.1, RFC 6665 section 8.1.1, RFC 3515 section 2.2.
        if matches!(method, Method::Invite | Method::Update | Method::Notify | Method::Refer) {
            request = request.header(HeaderName::Contact, self.contact());
        }
        request
    }

    /// The first route when it is no loose router: it wants its own address as request-URI, and the target as the last
    /// Route (RFC 3261 section 12.2.1.1).
    fn strict_router(&self) -> Option<Uri> {
        let first = NameAddr::parse(self.route_set.first()?.clone()).ok()?;
        first.uri().params().get(b"lr").is_none().then(|| first.uri().clone())
    }

    /// Our Contact in this dialog: a `sips:` URI where the peer has used one (RFC 3261 sections 8.1.1.8 and 12.1.1) and
    /// we are there over TLS.
    #[must_use]
    pub fn contact(&self) -> Vec<u8> {
        let transport = self.path.listener.transport;
        let first = self.route_set.first().map_or(self.remote_target.as_ref(), |route| {
            let start = memchr::memchr(b'<', route).map_or(0, |at| at + 1);
            &route[start..]
        });
        let used = first.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sips:"));
        if transport == Transport::Tls && (self.asked_secure || used) {
            return [b"<sips:", self.sent_by.as_ref(), b">"].concat();
        }
        [b"<sip:", self.sent_by.as_ref(), transport.uri_param().as_bytes(), b">"].concat()
    }

    /// Our name-addr, without a tag: who the peer believes to talk with.
    #[must_use]
    pub fn local_party(&self) -> &[u8] {
        &self.local
    }

    /// The number of whom the peer believes to talk with; empty when that is none.
    #[must_use]
    pub fn local_number(&self) -> String {
        let party = NameAddr::parse(self.local.clone()).ok();
        party.and_then(|party| party.uri().number().map(std::borrow::Cow::into_owned)).unwrap_or_default()
    }

    /// Our address in this dialog as the address of `user`, which is escaped already.
    #[must_use]
    pub fn address_of_user(&self, user: &str) -> String {
        let param = self.path.listener.transport.uri_param();
        format!("<sip:{user}@{}{param}>", String::from_utf8_lossy(&self.sent_by))
    }

    /// Where a request within the dialog is sent: the first route, else the remote target, when that is one of the
    /// addresses that are `known` as the peer's; else where its messages come from.
    #[must_use]
    pub fn path(&self, known: impl Fn(IpAddr) -> bool) -> Path {
        let uri = match self.route_set.first() {
            Some(route) => NameAddr::parse(route.clone()).ok().map(|hop| hop.uri().clone()),
            None => Uri::parse(self.remote_target.clone()).ok(),
        };
        let usual_port = self.path.listener.transport.usual_port();
        let named = uri.as_ref().and_then(|uri| address_of(uri, usual_port));
        let named = named.filter(|address| known(address.ip()));
        let peer = named.unwrap_or(self.path.peer);
        Path { peer, ..self.path }
    }

    /// From now on our messages are changed by these rules.
    #[must_use]
    pub fn ruled(self, rules: Option<Arc<HeaderRules>>) -> Self {
        Self { rules, ..self }
    }

    /// What the operator changes of our messages.
    #[must_use]
    pub const fn rules(&self) -> Option<&Arc<HeaderRules>> {
        self.rules.as_ref()
    }

    /// Our address in Via and Contact, as `host:port`.
    #[must_use]
    pub fn sent_by(&self) -> &[u8] {
        &self.sent_by
    }

    /// Request-URI of our requests, but for a strict router.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        &self.remote_target
    }

    /// Asks someone else for this dialog, which nobody has answered yet.
    pub fn turn_to(&mut self, path: Path, sent_by: Bytes) {
        self.path = path;
        self.sent_by = sent_by;
    }

    /// Asks for `target` instead, by these routes, as `remote`.
    pub fn aim(&mut self, target: Bytes, remote: Bytes, routes: Vec<Bytes>) {
        (self.remote_target, self.remote, self.route_set) = (target, remote, routes);
    }

    /// The socket and peer that the dialog was opened over.
    #[must_use]
    pub const fn opened_over(&self) -> Path {
        self.path
    }
}

/// A copy of its own: a dialog outlives the datagrams it was learnt from, and must not keep them in memory.
fn owned(part: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(part.as_ref())
}

/// A From or To as name-addr, without its parameters.
fn name_addr_of(party: &NameAddr) -> Bytes {
    let address = [b"<", party.uri().as_bytes(), b">"].concat();
    match party.raw_display() {
        Some(display) => [display, b" ", &address].concat().into(),
        None => address.into(),
    }
}

fn target_of(contact: Option<&NameAddr>) -> Option<&[u8]> {
    contact.map(|contact| contact.uri().as_bytes())
}

fn record_route(message: &Message) -> Vec<Bytes> {
    message.values(HeaderName::RecordRoute).map(owned).collect()
}

/// The address that a URI names, when it names one rather than a host.
fn address_of(uri: &Uri, usual_port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::new(uri.host_ip()?, uri.port().unwrap_or(usual_port)))
}

/// Hops of a request that starts here (RFC 3261 section 8.1.1.6).
pub const MAX_FORWARDS: u8 = 70;

/// Port of SIP over UDP and TCP when none is written (RFC 3261 section 19.1.2).
pub const SIP_PORT: u16 = 5060;
