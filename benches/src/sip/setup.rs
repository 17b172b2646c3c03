//! How long a call takes to be set up: from its INVITE until the 200, at a steady rate, with a callee who answers at once.

use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use edge_tests::exchange::BEFORE_NUMBER;
use edge_tests::raw::{Dialog, header, is_response};
use edge_tests::sipp::SIP_PORT;
use edge_tests::{RawPeer, Side};
use hdrhistogram::Histogram;

use super::subject::{Kind, Subject};
use crate::clock;
use crate::processor::{self, Cores};

/// Longest setup that is told apart.
const LONGEST_NS: u64 = 10_000_000_000;
/// After the last call, for what is still under way.
const LEFT_OVER: Duration = Duration::from_secs(2);
const ANY_PORT: u16 = 20_000;
/// Numbers of five digits are used again: the call of such a number has ended long ago.
const NUMBERS: u32 = 100_000;

/// Setup times at a rate.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) rate: u32,
    /// Calls that were refused, or never answered.
    pub(crate) lost: u64,
    pub(crate) took: Histogram<u64>,
}

/// Places calls through `subject`, each of which ends as soon as it is answered.
pub(super) fn measure(subject: &Subject<'_>, cores: Cores, rate: u32, seconds: u32) -> Result<Setup> {
    processor::bind_this_thread(cores.generator)?;
    let at = |address| SocketAddrV4::new(address, SIP_PORT);
    let caller = RawPeer::bind(subject.lab, Side::Carrier, SIP_PORT)?.towards(at(subject.address()));
    let mut called = RawPeer::bind(subject.lab, Side::Pbx, SIP_PORT)?;
    if subject.kind == Kind::Nothing {
        called = called.towards(at(Side::Carrier.peer_address()));
    }
    between((caller, called), 0, rate, seconds, Duration::ZERO)
}

/// Places calls between two peers, from the number `first` on. While nothing is due they wait for as long as `rest` at most; a
/// message wakes them. Without a rest they take all of their core, and no time to wake up.
pub(crate) fn between(
    (caller, called): (RawPeer, RawPeer),
    first: u32,
    rate: u32,
    seconds: u32,
    rest: Duration,
) -> Result<Setup> {
    let mut run = Run {
        caller,
        called,
        begun: HashMap::new(),
        refused: 0,
        took: Histogram::new_with_bounds(1, LONGEST_NS, 3)?,
    };
    let (start, count) = (clock::now(), rate * seconds);
    let due = |call: u32| start + Duration::from_secs_f64(f64::from(call) / f64::from(rate));
    let mut next = 0;
    while next < count {
        if clock::now() >= due(next) {
            run.begin(first + next)?;
            next += 1;
        }
        run.rest(rest.min(due(next).saturating_duration_since(clock::now())))?;
        run.hear()?;
    }
    let end = clock::now() + LEFT_OVER;
    while !run.begun.is_empty() && clock::now() < end {
        run.rest(rest)?;
        run.hear()?;
    }
    // Answers to the last BYEs.
    run.hear()?;
    Ok(Setup { rate, lost: run.begun.len() as u64 + run.refused, took: run.took })
}

/// The call that a response belongs to.
fn call_of(message: &str) -> Result<u32> {
    let call_id = header(message, "Call-ID").unwrap_or_default();
    let call = call_id.split('-').next().and_then(|call| call.parse().ok());
    call.with_context(|| format!("a response for no call: {message}"))
}

struct Run {
    caller: RawPeer,
    called: RawPeer,
    /// When the INVITE of a call left that is not answered.
    begun: HashMap<u32, Instant>,
    refused: u64,
    took: Histogram<u64>,
}

impl Run {
    fn rest(&self, longest: Duration) -> Result<()> {
        if longest.is_zero() { Ok(()) } else { RawPeer::wait_for_any(&[&self.caller, &self.called], longest) }
    }

    fn begin(&mut self, call: u32) -> Result<()> {
        let number = format!("{BEFORE_NUMBER}{:05}", call % NUMBERS);
        let invite = self.caller.invite(&call.to_string(), &number, ANY_PORT);
        self.begun.insert(call, clock::now());
        self.caller.send(invite.as_bytes())
    }

    fn hear(&mut self) -> Result<()> {
        for message in self.called.receive_waiting()? {
            let (status, port) = match message.split(' ').next() {
                Some("INVITE") => ("200 OK", Some(ANY_PORT)),
                Some("BYE") => ("200 OK", None),
                Some(_) | None => continue,
            };
            let answer = self.called.answer(&message, status, port)?;
            self.called.send(answer.as_bytes())?;
        }
        for message in self.caller.receive_waiting()? {
            if is_response(&message, 200, "INVITE") {
                self.answered(&message)?;
            } else if message.starts_with("SIP/2.0 ") && message.as_bytes().get(8) > Some(&b'2') {
                self.refused(&message)?;
            }
        }
        Ok(())
    }

    /// Who is turned away was not set up.
    fn refused(&mut self, message: &str) -> Result<()> {
        self.refused += u64::from(self.begun.remove(&call_of(message)?).is_some());
        Ok(())
    }

    fn answered(&mut self, message: &str) -> Result<()> {
        let call = call_of(message)?;
        if let Some(begun) = self.begun.remove(&call) {
            let took = u64::try_from(clock::now().duration_since(begun).as_nanos())?;
            self.took.saturating_record(took);
        }
        let name = call.to_string();
        let dialog = Dialog::of_caller(message)?;
        self.caller.send(self.caller.within(&dialog, "ACK", 1, None).as_bytes())?;
        self.caller.send(self.caller.in_dialog("BYE", &name, message)?.as_bytes())
    }
}
