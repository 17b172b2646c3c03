//! Calls by the thousand: both peers are one thread that writes every message by hand, so that ten thousand calls stand after
//! seconds and each has the ports that are wanted of it.
//!
//! A call is placed, kept going and ended in [steps](Step), each of which is taken with all calls before the next one.

mod storm;

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::lab::{Lab, Side};
use crate::raw::{Dialog, RawPeer, header, is_response};
use crate::sipp::SIP_PORT;

pub use storm::Storm;

/// Calls under way at once: so few that edge never finds that its messages wait too long, and turns none away.
const UNDER_WAY_MAX: usize = 8;
/// After so long without a message what was sent is sent again.
const SILENCE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);
/// What the lab's route for calls to the PBX takes off; the number of the call follows.
pub const BEFORE_NUMBER: &str = "+442071838";
/// A session timer that the other end is to keep (RFC 4028).
const TIMED: &str = "Supported: timer\r\nSession-Expires: 200;refresher=uas\r\nMax-Forwards";

/// The RTP port of both peers of a call.
pub type Port = fn(u32) -> Result<u16>;

/// One call as the relay has it: where it takes the carrier's packets, and the PBX's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Of the carrier.
    pub outside: SocketAddrV4,
    /// Of the PBX.
    pub inside: SocketAddrV4,
}

/// What is done with each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The carrier calls.
    Place,
    /// One side begins a session timer by an UPDATE that no offer is in; it does not cross.
    Refresh,
    /// The other side offers the session anew, in a re-INVITE that crosses.
    Offer,
    /// Every second call is ended by the carrier, the others by the PBX.
    HangUp,
}

impl Step {
    /// Who begins.
    const fn asker(self, call: u32) -> Side {
        match (self, call % 2) {
            (Self::Place, _) | (Self::HangUp | Self::Refresh, 0) | (Self::Offer, 1) => Side::Carrier,
            (Self::HangUp | Self::Refresh | Self::Offer, _) => Side::Pbx,
        }
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Place | Self::Offer => "INVITE",
            Self::Refresh => "UPDATE",
            Self::HangUp => "BYE",
        }
    }

    /// Of the request, on either side: they rise, and a storm has room before the last.
    const fn sequence(self) -> u32 {
        match self {
            Self::Place => 1,
            Self::Refresh => 2,
            Self::Offer => 3,
            Self::HangUp => 1_000_000,
        }
    }
}

/// Where the session description in a message wants its audio.
pub fn audio(message: &str) -> Result<SocketAddrV4> {
    let value = |prefix| message.lines().find_map(|line| line.strip_prefix(prefix));
    let address: Option<Ipv4Addr> = value("c=IN IP4 ").and_then(|address| address.trim().parse().ok());
    let port = value("m=audio ").and_then(|media| media.split(' ').next()?.parse().ok());
    let (address, port) = address.zip(port).with_context(|| format!("no audio in {message}"))?;
    Ok(SocketAddrV4::new(address, port))
}

/// Whether an edge that is too busy has turned a call away: no call has begun.
pub fn is_shed(response: &str) -> bool {
    is_response(response, 503, "INVITE") && header(response, "Retry-After").is_some()
}

/// The number of the call that an INVITE to the PBX is for.
fn number_of(invite: &str) -> Result<u32> {
    let number = invite.strip_prefix("INVITE sip:").and_then(|rest| rest.split('@').next()?.parse().ok());
    number.with_context(|| format!("an INVITE for nobody: {invite}"))
}

/// One of both ends, and what it has heard of each call.
#[derive(Debug)]
struct End {
    peer: RawPeer,
    dialogs: HashMap<u32, Dialog>,
    /// Where edge takes the media of a call, as it was told here.
    edges: HashMap<u32, SocketAddrV4>,
    /// Calls by their Call-ID.
    calls: HashMap<String, u32>,
    /// INVITEs that a busy edge has turned away.
    turned_away: u32,
}

impl End {
    fn bind(lab: &Lab, side: Side) -> Result<Self> {
        let peer = RawPeer::bind(lab, side, SIP_PORT)?;
        Ok(Self {
            peer,
            dialogs: HashMap::new(),
            edges: HashMap::new(),
            calls: HashMap::new(),
            turned_away: 0,
        })
    }

    /// The call that a message belongs to, unless it is an INVITE that begins one.
    fn call(&self, message: &str) -> Option<u32> {
        self.calls.get(header(message, "Call-ID")?).copied()
    }

    /// Edge takes a call's media where it did from the beginning.
    fn learn(&mut self, call: u32, message: &str) -> Result<()> {
        let found = audio(message)?;
        let known = *self.edges.entry(call).or_insert(found);
        ensure!(known == found, "call {call} had its media at {known} and has it at {found}");
        Ok(())
    }
}

/// Both peers, and how far they are.
#[derive(Debug)]
pub struct Exchange {
    /// Unique in this process, so that Call-IDs are.
    number: u32,
    carrier: End,
    pbx: End,
    port: Port,
    count: u32,
    step: Step,
    begun: u32,
    done: HashSet<u32>,
}

impl Exchange {
    /// Between the peers of `lab`, which want their audio at the ports that `port` says.
    pub fn begin(lab: &Lab, count: u32, port: Port) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let (carrier, pbx) = (End::bind(lab, Side::Carrier)?, End::bind(lab, Side::Pbx)?);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(Self { number, carrier, pbx, port, count, step: Step::Place, begun: 0, done: HashSet::new() })
    }

    /// Places all calls; they stand as long as edge does.
    pub fn stand(&mut self) -> Result<Vec<Call>> {
        self.take(Step::Place)?;
        let call = |number| {
            let of = |end: &End| end.edges.get(&number).copied();
            let call = of(&self.carrier).zip(of(&self.pbx)).map(|(outside, inside)| Call { outside, inside });
            call.with_context(|| format!("call {number} has one side only"))
        };
        (0..self.count).map(call).collect()
    }

    /// Takes a step with all calls, and comes back when each has succeeded.
    pub fn take(&mut self, step: Step) -> Result<()> {
        (self.step, self.begun) = (step, 0);
        self.done.clear();
        let mut heard = Instant::now();
        let deadline = heard + PATIENCE + Duration::from_millis(u64::from(self.count) * 4);
        while self.done.len() < self.count as usize {
            self.begin_more()?;
            let anything = [self.hear(Side::Carrier)?, self.hear(Side::Pbx)?].contains(&true);
            if anything {
                heard = Instant::now();
            } else {
                thread::sleep(Duration::from_millis(1));
            }
            if heard.elapsed() > SILENCE {
                self.begin_again()?;
                heard = Instant::now();
            }
            ensure!(Instant::now() < deadline, "{step:?}: {} of {} calls", self.done.len(), self.count);
        }
        Ok(())
    }

    const fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Carrier => &mut self.carrier,
            Side::Pbx => &mut self.pbx,
        }
    }

    fn begin_more(&mut self) -> Result<()> {
        while self.begun < self.count && self.begun as usize - self.done.len() < UNDER_WAY_MAX {
            self.ask(self.begun)?;
            self.begun += 1;
        }
        Ok(())
    }

    fn begin_again(&mut self) -> Result<()> {
        let open: Vec<u32> = (0..self.begun).filter(|call| !self.done.contains(call)).collect();
        open.into_iter().try_for_each(|call| self.ask(call))
    }

    /// Sends the request of this step.
    fn ask(&mut self, call: u32) -> Result<()> {
        let (step, port, exchange) = (self.step, (self.port)(call)?, self.number);
        let End { peer, dialogs, calls, turned_away, .. } = self.end(step.asker(call));
        if step == Step::Place {
            let (name, number) =
                (format!("{call}-{exchange}-{turned_away}"), format!("{BEFORE_NUMBER}{call:05}"));
            calls.insert(peer.call_id(&name), call);
            return peer.send(peer.invite(&name, &number, port).as_bytes());
        }
        let dialog = dialogs.get(&call).with_context(|| format!("call {call} does not stand"))?;
        let port = (step == Step::Offer).then_some(port);
        let request = peer.within(dialog, step.method(), step.sequence(), port);
        let timed = if step == Step::Refresh { request.replacen("Max-Forwards", TIMED, 1) } else { request };
        peer.send(timed.as_bytes())
    }

    /// Takes in what has come to one side; whether it was anything.
    fn hear(&mut self, side: Side) -> Result<bool> {
        let messages = self.end(side).peer.receive_waiting()?;
        for message in &messages {
            if message.starts_with("SIP/2.0 ") {
                self.answered(side, message)?;
            } else {
                self.asked(side, message)?;
            }
        }
        Ok(!messages.is_empty())
    }

    /// Whatever edge asks for it gets.
    fn asked(&mut self, side: Side, request: &str) -> Result<()> {
        if request.starts_with("ACK ") {
            return Ok(());
        }
        let (is_invite, port) = (request.starts_with("INVITE "), self.port);
        let end = self.end(side);
        let port = if is_invite {
            let begins = header(request, "To").is_some_and(|to| !to.contains(";tag="));
            let call = if begins { Some(number_of(request)?) } else { end.call(request) };
            let call = call.with_context(|| format!("an INVITE of no call: {request}"))?;
            end.learn(call, request)?;
            end.calls.insert(header(request, "Call-ID").unwrap_or_default().to_owned(), call);
            if begins {
                end.dialogs.insert(call, Dialog::of_called(request)?);
            }
            Some(port(call)?)
        } else {
            None
        };
        end.peer.send(end.peer.answer(request, "200 OK", port)?.as_bytes())
    }

    fn answered(&mut self, side: Side, response: &str) -> Result<()> {
        let step = self.step;
        if response.starts_with("SIP/2.0 1") {
            return Ok(());
        }
        let end = self.end(side);
        if is_shed(response) {
            // It is placed anew, as another call, once nothing comes any more.
            end.turned_away += 1;
            return Ok(());
        }
        ensure!(response.starts_with("SIP/2.0 200 "), "{step:?}: {side:?} hears {response}");
        let Some(call) = end.call(response) else { bail!("a 200 for no call: {response}") };
        if is_response(response, 200, "INVITE") {
            end.learn(call, response)?;
            let dialog = end.dialogs.entry(call).or_insert(Dialog::of_caller(response)?);
            let sequence = header(response, "CSeq").and_then(|value| value.split(' ').next()?.parse().ok());
            let ack = end.peer.within(dialog, "ACK", sequence.context("a CSeq")?, None);
            end.peer.send(ack.as_bytes())?;
        }
        let is_timed = header(response, "Session-Expires").is_some();
        ensure!(step != Step::Refresh || is_timed, "no session timer in {response}");
        if is_response(response, 200, step.method()) && step.asker(call) == side {
            self.done.insert(call);
        }
        Ok(())
    }
}
