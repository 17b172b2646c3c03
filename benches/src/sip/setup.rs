//! How long a call takes to be set up: from its INVITE until the 200, at a steady rate, with a callee who answers at once.
//!
//! The peers are one thread that sleeps until a message comes or a call is due. How late its INVITEs leave says whether it had
//! its core: a message waits for as long before it is read, so times of a late generator are its own.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddrV4;
use std::thread;
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
/// Without a message and a call that is due, the peers look again after so long.
const REST_MAX: Duration = Duration::from_millis(10);
/// When more than one INVITE in a hundred is later than this, the generator had no core of its own.
const LATE_MAX: Duration = Duration::from_millis(1);
const ANY_PORT: u16 = 20_000;
/// Numbers of five digits are used again: the call of such a number has ended long ago.
const NUMBERS: u32 = 100_000;

/// Setup times at a rate.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) rate: u32,
    /// Calls that were refused, or never answered.
    pub(crate) lost: u64,
    /// INVITEs and answers to them that came more than once.
    pub(crate) again: u64,
    /// Messages of calls that somebody else has placed.
    pub(crate) foreign: u64,
    /// From INVITE to 200, in nanoseconds.
    pub(crate) took: Histogram<u64>,
    /// By how much INVITEs left too late, in nanoseconds.
    pub(crate) late: Histogram<u64>,
}

impl Setup {
    /// Whether the generator was late itself, so that the times are not those of who is measured.
    pub(crate) fn is_late(&self) -> bool {
        Duration::from_nanos(self.late.value_at_quantile(0.99)) > LATE_MAX
    }
}

/// Places calls through `subject`, from the number `first` on, each of which ends as soon as it is answered. Both sides run before
/// all else on their cores.
pub(super) fn measure(
    subject: &Subject<'_>,
    cores: Cores,
    first: u32,
    (rate, seconds): (u32, u32),
) -> Result<Setup> {
    let at = |address| SocketAddrV4::new(address, SIP_PORT);
    let caller = RawPeer::bind(subject.lab, Side::Carrier, SIP_PORT)?.towards(at(subject.address()));
    let mut called = RawPeer::bind(subject.lab, Side::Pbx, SIP_PORT)?;
    if subject.kind == Kind::Nothing {
        called = called.towards(at(Side::Carrier.peer_address()));
    }
    subject.prefer()?;
    // What is started later is not to be preferred, and it would inherit that from this thread.
    let generator = thread::spawn(move || {
        processor::bind_this_thread(cores.generator)?;
        processor::prefer_this_thread();
        between((caller, called), first, rate, seconds)
    });
    generator.join().ok().context("the generator panicked")?
}

/// Places calls between two peers, from the number `first` on: one that has been there is a retransmission.
pub(crate) fn between(
    (caller, called): (RawPeer, RawPeer),
    first: u32,
    rate: u32,
    seconds: u32,
) -> Result<Setup> {
    let mut run = Run::new(caller, called)?;
    let (start, count) = (clock::now(), rate * seconds);
    let due = |call: u32| start + Duration::from_secs_f64(f64::from(call) / f64::from(rate));
    let mut next = 0;
    while next < count {
        if let Some(late) = clock::now().checked_duration_since(due(next)) {
            run.late.saturating_record(u64::try_from(late.as_nanos())?);
            run.begin(first + next)?;
            next += 1;
        }
        run.rest(due(next).saturating_duration_since(clock::now()))?;
        run.hear()?;
    }
    let end = clock::now() + LEFT_OVER;
    while !run.begun.is_empty() && clock::now() < end {
        run.rest(REST_MAX)?;
        run.hear()?;
    }
    // Answers to the last BYEs.
    run.hear()?;
    let Run { begun, refused, again, foreign, took, late, .. } = run;
    Ok(Setup { rate, lost: begun.len() as u64 + refused, again, foreign, took, late })
}

struct Run {
    caller: RawPeer,
    called: RawPeer,
    /// When the INVITE of a call left that is not answered.
    begun: HashMap<u32, Instant>,
    /// Calls that have reached the called side, by their Call-ID there.
    arrived: HashSet<String>,
    refused: u64,
    again: u64,
    foreign: u64,
    took: Histogram<u64>,
    late: Histogram<u64>,
}

impl Run {
    fn new(caller: RawPeer, called: RawPeer) -> Result<Self> {
        let (begun, arrived) = (HashMap::new(), HashSet::new());
        let took = Histogram::new_with_bounds(1, LONGEST_NS, 3)?;
        let late = took.clone();
        Ok(Self { caller, called, begun, arrived, refused: 0, again: 0, foreign: 0, took, late })
    }

    fn rest(&self, longest: Duration) -> Result<()> {
        let longest = longest.min(REST_MAX);
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
            if port.is_some() {
                let call_id = header(&message, "Call-ID").unwrap_or_default().to_owned();
                self.again += u64::from(!self.arrived.insert(call_id));
            }
            let answer = self.called.answer(&message, status, port)?;
            self.called.send(answer.as_bytes())?;
        }
        for message in self.caller.receive_waiting()? {
            let is_refusal = message.starts_with("SIP/2.0 ") && message.as_bytes().get(8) > Some(&b'2');
            match self.call_of(&message) {
                None => self.foreign += 1,
                Some(call) if is_response(&message, 200, "INVITE") => self.answered(call, &message)?,
                // Who is turned away was not set up.
                Some(call) if is_refusal => self.refused += u64::from(self.begun.remove(&call).is_some()),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The call that a response belongs to; none when nobody here has placed it.
    fn call_of(&self, message: &str) -> Option<u32> {
        let call_id = header(message, "Call-ID")?;
        let call = call_id.split('-').next()?.parse().ok()?;
        (self.caller.call_id(&u32::to_string(&call)) == call_id).then_some(call)
    }

    fn answered(&mut self, call: u32, message: &str) -> Result<()> {
        let (now, dialog) = (clock::now(), Dialog::of_caller(message)?);
        self.caller.send(self.caller.within(&dialog, "ACK", 1, None).as_bytes())?;
        let Some(begun) = self.begun.remove(&call) else {
            self.again += 1;
            return Ok(());
        };
        self.took.saturating_record(u64::try_from(now.duration_since(begun).as_nanos())?);
        self.caller.send(self.caller.within(&dialog, "BYE", 2, None).as_bytes())
    }
}
