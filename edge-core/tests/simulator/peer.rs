//! A user agent: places or takes one call, then does what its script says.

mod reliable;
mod transfer;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::dialog::Dialog;
use edge_core::policy::{ListenerId, RealmId, Transport};
use edge_core::sip::{
    HeaderName, Incoming, MessageLimits, MessageWriter, Method, Request, Response, StatusCode, response_to,
};
use edge_core::transaction::{Branch, Matched, Path, TransactionId, Transactions};

use crate::network::Dice;
use crate::session::{Session, destination};
use reliable::Reliable;
use transfer::Transfer;

/// What a peer does, and when, counted from its part's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Caller: send the INVITE, with an offer or without.
    Invite { with_offer: bool },
    /// Caller: give up.
    Cancel,
    /// Called: say that it rings.
    Ring,
    /// Called: early media.
    Progress,
    /// Either, before anything else: acknowledge provisional responses, and want its own acknowledged.
    Acknowledge,
    /// Called: another place rings.
    RingElsewhere,
    /// Called: answer.
    Answer,
    /// Called: refuse.
    Reject(u16),
    /// Called: send the call to this address.
    Redirect(&'static str),
    /// Either: refer the other side to this address, and go when that has worked.
    Refer(&'static str),
    /// Either, before anything else: know of the dialog of this peer, counted through the pairs, which is of the same trunk.
    Know(usize),
    /// Either: refer the other side to that dialog.
    ReferToKnown,
    /// Caller: send the INVITE in the place of that dialog, with an offer or without.
    Replace { with_offer: bool },
    /// Either: hang up.
    Hangup,
    /// Either: a re-INVITE that holds.
    Hold,
    /// Either: a re-INVITE for fax, on the line of the speech or on one of its own.
    Fax { own_line: bool },
    /// Either: a re-INVITE for speech again.
    Speak,
    /// Either, before anything else: say this in Session-Expires, and refresh if that is its part.
    KeepTime(&'static str),
    /// Either: an UPDATE that holds.
    HoldByUpdate,
    /// Either: a digit in an INFO.
    Digit,
    /// Either: stop existing.
    Die,
}

/// What a digit's INFO says.
const DIGIT: &str = "Signal=5\r\nDuration=160\r\n";

/// How far a peer's call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Idle,
    Inviting,
    Ringing,
    Up,
    Ended,
    Dead,
}

pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) state: State,
    /// When the call was up for the first time.
    pub(crate) was_up: bool,
    /// Whether the other side put it on hold.
    pub(crate) was_held: bool,
    /// Whether the other side wanted to send a fax.
    pub(crate) was_faxed: bool,
    session: Session,
    /// Digits that the other side pressed.
    pub(crate) digits_heard: usize,
    /// Digits of its own that the other side took.
    pub(crate) digits_taken: usize,
    /// Whether it says that it takes UPDATE.
    pub(crate) allows_update: bool,
    pub(crate) reliable: Reliable,
    pub(crate) transfer: Transfer,
    /// Caller: whether its INVITE made an offer.
    offered: bool,
    /// Refreshes that came from the edge.
    pub(crate) refreshed: usize,
    /// What its INVITE, or its 2xx, says in Session-Expires.
    expires: Option<&'static str>,
    /// Port that its SDP names for media.
    pub(crate) media_port: u16,
    /// Where it was told last that media goes.
    pub(crate) told: Option<SocketAddr>,
    edge: SocketAddr,
    transport: Transport,
    script: Vec<(Duration, Act)>,
    transactions: Transactions<()>,
    dialog: Option<Dialog>,
    invite: Option<Invite>,
    answer: Option<Answer>,
    last_ack: Option<(u32, Bytes)>,
    due: Vec<(Instant, Act)>,
    dice: Dice,
    pub(crate) outbox: Vec<(SocketAddr, Bytes)>,
}

/// The INVITE that this peer sent, or took.
struct Invite {
    branch: Branch,
    sequence: u32,
    server: Option<(TransactionId, Request)>,
}

impl Invite {
    fn taken(id: TransactionId, request: Request) -> Self {
        Self { branch: Branch::new(0), sequence: request.cseq, server: Some((id, request)) }
    }
}

/// A 2xx of ours that awaits its ACK.
struct Answer {
    id: TransactionId,
    sequence: u32,
    bytes: Bytes,
    again_at: Instant,
    give_up_at: Instant,
}

impl Peer {
    pub(crate) fn new(
        address: SocketAddr,
        edge: SocketAddr,
        transport: Transport,
        script: &[(u64, Act)],
        seed: u64,
    ) -> Self {
        Self {
            address,
            state: State::Idle,
            was_up: false,
            was_held: false,
            was_faxed: false,
            session: Session::default(),
            digits_heard: 0,
            digits_taken: 0,
            allows_update: seed % 4 < 2,
            reliable: Reliable::default(),
            transfer: Transfer::default(),
            offered: false,
            refreshed: 0,
            expires: None,
            media_port: 6000 + u16::try_from(seed % 100).unwrap() * 2,
            told: None,
            edge,
            transport,
            script: script.iter().map(|(ms, act)| (Duration::from_millis(*ms), *act)).collect(),
            transactions: Transactions::default(),
            dialog: None,
            invite: None,
            answer: None,
            last_ack: None,
            due: Vec::new(),
            dice: Dice::new(seed),
            outbox: Vec::new(),
        }
    }

    /// Starts the script.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.due =
            std::mem::take(&mut self.script).into_iter().map(|(after, act)| (now + after, act)).collect();
        self.due.sort_by_key(|(at, _)| *at);
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.state == State::Dead {
            return None;
        }
        let act = self.due.first().map(|(at, _)| *at);
        let again = self.answer.as_ref().map(|answer| answer.again_at);
        let progress = self.progress_again_at();
        [act, again, progress, self.transactions.next_deadline()].into_iter().flatten().min()
    }

    pub(crate) fn on_time(&mut self, now: Instant) {
        if self.state == State::Dead {
            return;
        }
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let (_, act) = self.due.remove(0);
            self.act(act, now);
        }
        self.transactions.on_time(now);
        self.give_up();
        self.repeat_answer(now);
        self.repeat_progress(now);
        self.flush();
    }

    /// The connection to the edge has ended.
    pub(crate) fn on_disconnected(&mut self, now: Instant) {
        if self.state == State::Dead {
            return;
        }
        self.transactions.on_unreachable(self.path(), now);
        self.give_up();
        self.flush();
    }

    fn give_up(&mut self) {
        while self.transactions.poll_timed_out().is_some() {
            if self.state == State::Inviting {
                self.state = State::Ended;
            }
        }
    }

    pub(crate) fn on_datagram(&mut self, bytes: Bytes, now: Instant) {
        if self.state == State::Dead {
            return;
        }
        self.told = destination(&String::from_utf8_lossy(&bytes)).or(self.told);
        match Incoming::parse(bytes, &MessageLimits::default()).expect("the edge sends well-formed messages")
        {
            Incoming::Request(request) => self.on_request(request, now),
            Incoming::Response(response) => self.on_response(&response, now),
            Incoming::KeepAlive => {}
        }
        self.flush();
    }

    fn act(&mut self, act: Act, now: Instant) {
        match (act, self.state) {
            (Act::KeepTime(expires), _) => self.expires = Some(expires),
            (Act::Die, _) => self.state = State::Dead,
            (Act::Invite { with_offer }, State::Idle) => self.send_invite(with_offer, None, now),
            (Act::Replace { with_offer }, State::Idle) => self.replace(with_offer, now),
            (Act::Know(other), _) => self.transfer.named = Some(other),
            (Act::Redirect(to), State::Ringing) => self.redirect(to, now),
            (Act::Refer(to), State::Up) => self.refer(&format!("<{to}>"), now),
            (Act::ReferToKnown, State::Up) => self.refer_to_known(now),
            (Act::Cancel, State::Inviting) => self.send_cancel(now),
            (Act::Acknowledge, _) => self.reliable.able = true,
            (Act::Ring, State::Ringing) => self.progress(StatusCode::RINGING, false, false, now),
            (Act::RingElsewhere, State::Ringing) => self.progress(StatusCode::RINGING, true, true, now),
            (Act::Progress, State::Ringing) => self.progress(StatusCode::SESSION_PROGRESS, true, false, now),
            (Act::Answer, State::Ringing) => self.answer_when_acknowledged(now),
            (Act::HoldByUpdate, State::Inviting | State::Ringing) if self.early_dialog().is_some() => {
                self.send_update(now);
            }
            (Act::Reject(code), State::Ringing) => self.respond(StatusCode::new(code).unwrap(), false, now),
            (Act::Hangup, State::Up) => self.send_bye(now),
            (Act::Hold, State::Up) => self.send_offer("sendonly", |_| {}, now),
            (Act::Fax { own_line }, State::Up) => {
                self.send_offer("sendrecv", |session| session.fax(own_line), now)
            }
            (Act::Speak, State::Up) => self.send_offer("sendrecv", Session::speak, now),
            (Act::HoldByUpdate, State::Up) => self.send_update(now),
            (Act::Digit, State::Up) => self.send_digit(now),
            _ => {}
        }
    }

    fn path(&self) -> Path {
        Path {
            listener: ListenerId { realm: RealmId::new(0), index: 0, transport: self.transport },
            peer: self.edge,
            proven: None,
        }
    }

    fn sdp(&self, direction: &str) -> String {
        self.session.describe(self.media(), direction)
    }

    /// Where it receives media.
    pub(crate) fn media(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip(), self.media_port)
    }

    fn branch(&mut self) -> Branch {
        Branch::new(self.dice.next())
    }

    fn send_invite(&mut self, with_offer: bool, replaces: Option<&str>, now: Instant) {
        let target = format!("sip:+441@{}", self.edge);
        let mut dialog = Dialog::calling(
            format!("{:x}@{}", self.dice.next(), self.address.ip()).into(),
            format!("{:x}", self.dice.next()).into(),
            format!("<sip:+15550001@{}>", self.address.ip()).into(),
            format!("<{target}>").into(),
            target.into(),
            self.address.to_string().into(),
            self.path(),
        );
        let (branch, sequence) = (self.branch(), dialog.next_sequence());
        let request =
            dialog.request(&Method::Invite, branch, sequence).header(HeaderName::Allow, self.allow());
        let request = self.keep_time(request, None);
        let request = match replaces {
            Some(dialog) => request.header(HeaderName::Replaces, dialog),
            None => request,
        };
        let request =
            if self.reliable.able { request.header(HeaderName::Supported, "100rel") } else { request };
        self.offered = with_offer;
        let bytes =
            if with_offer { request.body("application/sdp", self.sdp("sendrecv")) } else { request.empty() };
        self.transactions.open_client(Method::Invite, branch, bytes, dialog.path(|_| true), (), now).unwrap();
        self.invite = Some(Invite { branch, sequence, server: None });
        self.dialog = Some(dialog);
        self.state = State::Inviting;
    }

    fn send_cancel(&mut self, now: Instant) {
        let (Some(invite), Some(dialog)) = (&self.invite, &self.dialog) else { return };
        let cancel = dialog.request(&Method::Cancel, invite.branch, invite.sequence).empty();
        self.transactions
            .open_client(Method::Cancel, invite.branch, cancel, dialog.path(|_| true), (), now)
            .unwrap();
    }

    fn send_bye(&mut self, now: Instant) {
        // RFC 3261 section 15: not before the ACK.
        if self.answer.is_some() {
            self.due.insert(0, (now + Duration::from_millis(100), Act::Hangup));
            return;
        }
        let branch = self.branch();
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let bye = dialog.request(&Method::Bye, branch, sequence).empty();
        self.transactions.open_client(Method::Bye, branch, bye, dialog.path(|_| true), (), now).unwrap();
        self.state = State::Ended;
    }

    fn send_offer(&mut self, direction: &str, change: impl FnOnce(&mut Session), now: Instant) {
        if self.answer.is_some() {
            return;
        }
        change(&mut self.session);
        let (branch, sdp) = (self.branch(), self.sdp(direction));
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let invite = dialog.request(&Method::Invite, branch, sequence).body("application/sdp", sdp);
        self.transactions
            .open_client(Method::Invite, branch, invite, dialog.path(|_| true), (), now)
            .unwrap();
    }

    fn send_update(&mut self, now: Instant) {
        let (branch, sdp) = (self.branch(), self.sdp("sendonly"));
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let update = dialog.request(&Method::Update, branch, sequence).body("application/sdp", sdp);
        self.transactions
            .open_client(Method::Update, branch, update, dialog.path(|_| true), (), now)
            .unwrap();
    }

    fn take_update(&mut self, request: &Request, now: Instant) {
        assert!(self.allows_update, "an UPDATE to one that takes none");
        let dialog = self.dialog.as_ref().filter(|dialog| dialog.contains(request));
        let Some(dialog) = dialog else {
            return self.reply(request, StatusCode::CALL_DOES_NOT_EXIST, now);
        };
        self.was_held |= String::from_utf8_lossy(&request.message.body()).contains("a=sendonly");
        let (code, tag) = (StatusCode::OK, Some(dialog.local_tag.as_ref()));
        let response = response_to(&request.message, code, "OK", self.edge, tag)
            .header(HeaderName::Contact, dialog.contact());
        let response = self.keep_time(response, Some(request));
        let response = if request.message.body().is_empty() {
            self.refreshed += 1;
            response.empty()
        } else {
            response.body("application/sdp", self.sdp("recvonly"))
        };
        let id = self.transactions.open_server(request, self.path(), ()).unwrap();
        self.transactions.respond(id, code, response, now);
    }

    /// Adds what this peer says of its session timer: what `asked` has agreed already, else what the script wants.
    fn keep_time(&self, message: MessageWriter, asked: Option<&Request>) -> MessageWriter {
        let Some(wanted) = self.expires else { return message };
        let agreed = asked.and_then(|asked| asked.message.first(HeaderName::SessionExpires));
        let agreed = agreed.filter(|expires| expires.contains(&b';'));
        message
            .header(HeaderName::Supported, "timer")
            .header(HeaderName::SessionExpires, agreed.unwrap_or(wanted.as_bytes()))
    }

    fn allow(&self) -> &'static str {
        if self.allows_update {
            "INVITE, ACK, CANCEL, BYE, INFO, UPDATE"
        } else {
            "INVITE, ACK, CANCEL, BYE, INFO"
        }
    }

    fn send_digit(&mut self, now: Instant) {
        let branch = self.branch();
        let Some(dialog) = &mut self.dialog else { return };
        let sequence = dialog.next_sequence();
        let info = dialog.request(&Method::Info, branch, sequence).body("application/dtmf-relay", DIGIT);
        self.transactions.open_client(Method::Info, branch, info, dialog.path(|_| true), (), now).unwrap();
    }

    fn take_digit(&mut self, request: &Request, now: Instant) {
        assert_eq!(request.message.body(), DIGIT.as_bytes(), "a body crosses byte for byte");
        let known = self.dialog.as_ref().is_some_and(|dialog| dialog.contains(request));
        self.digits_heard += usize::from(known);
        self.reply(request, if known { StatusCode::OK } else { StatusCode::CALL_DOES_NOT_EXIST }, now);
    }

    fn on_request(&mut self, request: Request, now: Instant) {
        match self.transactions.on_request(&request, self.path(), now) {
            Matched::Absorbed => return,
            Matched::Deliver(..) | Matched::Nothing => {}
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the set of methods is open")]
        match request.method {
            Method::Ack => {
                if self.answer.as_ref().is_some_and(|answer| answer.sequence == request.cseq) {
                    self.answer = None;
                }
            }
            Method::Invite if request.to.tag().is_none() => self.take_call(request, now),
            Method::Invite => self.take_reinvite(request, now),
            Method::Cancel => {
                self.reply(&request, StatusCode::OK, now);
                if self.state == State::Ringing {
                    self.respond(StatusCode::REQUEST_TERMINATED, false, now);
                }
            }
            Method::Bye => {
                let known = self.dialog.as_ref().is_some_and(|dialog| dialog.contains(&request));
                let code = if known { StatusCode::OK } else { StatusCode::CALL_DOES_NOT_EXIST };
                self.reply(&request, code, now);
                if known {
                    self.state = State::Ended;
                    self.answer = None;
                }
            }
            Method::Update => self.take_update(&request, now),
            Method::Prack => self.take_prack(&request, now),
            Method::Info => self.take_digit(&request, now),
            Method::Notify => self.take_report(&request, now),
            _ => self.reply(&request, StatusCode::METHOD_NOT_ALLOWED, now),
        }
    }

    fn take_call(&mut self, request: Request, now: Instant) {
        if self.state != State::Idle {
            self.reply(&request, StatusCode::BUSY_HERE, now);
            return;
        }
        let id = self.transactions.open_server(&request, self.path(), ()).unwrap();
        let tag = format!("{:x}", self.dice.next());
        let sent_by = self.address.to_string();
        self.dialog = Some(Dialog::called(&request, tag.into(), sent_by.into(), self.path()));
        self.invite = Some(Invite::taken(id, request));
        self.state = State::Ringing;
        self.begin(now);
    }

    fn take_reinvite(&mut self, request: Request, now: Instant) {
        let known =
            self.state == State::Up && self.dialog.as_ref().is_some_and(|dialog| dialog.contains(&request));
        if !known {
            return self.reply(&request, StatusCode::CALL_DOES_NOT_EXIST, now);
        }
        if self.answer.is_some() {
            return self.reply(&request, StatusCode::REQUEST_PENDING, now);
        }
        let offer = String::from_utf8_lossy(&request.message.body()).into_owned();
        self.was_held |= offer.contains("a=sendonly");
        self.was_faxed |= self.session.take(&offer);
        self.refreshed += 1;
        let id = self.transactions.open_server(&request, self.path(), ()).unwrap();
        self.invite = Some(Invite::taken(id, request));
        self.respond_with(StatusCode::OK, Some(self.sdp("recvonly")), now);
    }

    fn reply(&mut self, request: &Request, code: StatusCode, now: Instant) {
        let tag = self.dialog.as_ref().map(|dialog| dialog.local_tag.clone());
        let response = response_to(&request.message, code, code.default_reason(), self.edge, tag.as_deref());
        let id = self.transactions.open_server(request, self.path(), ()).unwrap();
        self.transactions.respond(id, code, response.empty(), now);
    }

    fn respond(&mut self, code: StatusCode, with_sdp: bool, now: Instant) {
        let sdp = with_sdp.then(|| self.sdp("sendrecv"));
        self.respond_with(code, sdp, now);
        if code.is_success() {
            self.state = State::Up;
            self.was_up = true;
        } else if code.is_final() {
            self.state = State::Ended;
        }
    }

    fn respond_with(&mut self, code: StatusCode, sdp: Option<String>, now: Instant) {
        let (Some(invite), Some(dialog)) = (&self.invite, &self.dialog) else { return };
        let Some((id, request)) = &invite.server else { return };
        let tag = Some(dialog.local_tag.as_ref());
        let writer: MessageWriter =
            response_to(&request.message, code, code.default_reason(), self.edge, tag)
                .header(HeaderName::Contact, dialog.contact())
                .header(HeaderName::Allow, self.allow());
        let writer = if code.is_success() { self.keep_time(writer, Some(request)) } else { writer };
        let bytes = match sdp {
            Some(sdp) => writer.body("application/sdp", sdp),
            None => writer.empty(),
        };
        if code.is_success() {
            self.answer = Some(Answer {
                id: *id,
                sequence: invite.sequence,
                bytes: bytes.clone(),
                again_at: now + Duration::from_millis(500),
                give_up_at: now + Duration::from_secs(32),
            });
        }
        self.transactions.respond(*id, code, bytes, now);
    }

    fn repeat_answer(&mut self, now: Instant) {
        let Some(answer) = &mut self.answer else { return };
        if answer.give_up_at <= now {
            self.answer = None;
            self.send_bye(now);
        } else if answer.again_at <= now {
            answer.again_at = now + Duration::from_secs(1);
            let (id, bytes) = (answer.id, answer.bytes.clone());
            self.transactions.respond(id, StatusCode::OK, bytes, now);
        }
    }

    fn on_response(&mut self, response: &Response, now: Instant) {
        if !matches!(self.transactions.on_response(response, now), Matched::Deliver(..)) {
            return;
        }
        if response.cseq_method == Method::Info && response.code.is_success() {
            self.digits_taken += 1;
        }
        self.transfer.accepted +=
            usize::from(response.cseq_method == Method::Refer && response.code.is_success());
        if response.cseq_method != Method::Invite {
            return;
        }
        if response.code.is_provisional() {
            self.on_progress(response, now);
        } else if response.code.is_success() {
            self.acknowledge(response);
        } else if self.state == State::Inviting {
            self.state = State::Ended;
        }
    }

    fn acknowledge(&mut self, response: &Response) {
        if let Some((sequence, ack)) = &self.last_ack
            && *sequence == response.cseq
        {
            self.outbox.push((self.edge, ack.clone()));
            return;
        }
        let branch = self.branch();
        let late = !has_answer(&self.invite) && response.cseq == 1;
        let sdp = self.sdp("sendrecv");
        let Some(dialog) = &mut self.dialog else { return };
        dialog.confirm(response);
        let ack = dialog.request(&Method::Ack, branch, response.cseq);
        // An answer in the ACK is needed only for an INVITE without an offer; beside one it does no harm here.
        let ack = if late { ack.body("application/sdp", sdp) } else { ack.empty() };
        self.outbox.push((dialog.path(|_| true).peer, ack.clone()));
        self.last_ack = Some((response.cseq, ack));
        if self.state == State::Inviting {
            self.state = State::Up;
            self.was_up = true;
        }
    }

    fn flush(&mut self) {
        while let Some(sent) = self.transactions.poll_transmit() {
            self.outbox.push((sent.path.peer, sent.bytes));
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.state == State::Dead
            || (self.transactions.is_empty() && self.answer.is_none() && self.due.is_empty())
    }
}

/// Whether the peer's own INVITE already had what an answer is for.
fn has_answer(invite: &Option<Invite>) -> bool {
    invite.as_ref().is_none_or(|invite| invite.server.is_some())
}
