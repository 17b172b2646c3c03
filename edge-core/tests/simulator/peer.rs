//! A user agent: places or takes one call, then does what its script says.

mod asking;
mod reliable;
mod taking;
mod transfer;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edge_core::dialog::Dialog;
use edge_core::policy::{ListenerId, RealmId, Transport};
use edge_core::sip::{HeaderName, Incoming, MessageLimits, MessageWriter, Request, StatusCode};
use edge_core::transaction::{Branch, Path, TransactionId, Transactions};

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
    /// Either: a re-INVITE that leaves the offer to the other side.
    AskForOffer,
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
    /// CSeq of its re-INVITE that left the offer to the other side.
    left_open: Option<u32>,
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
            left_open: None,
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
            (Act::AskForOffer, State::Up) => self.ask_for_offer(now),
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
