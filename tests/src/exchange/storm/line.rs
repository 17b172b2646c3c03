//! One side of one call in a storm.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::super::PATIENCE as STEP_PATIENCE;
use crate::lab::Side;
use crate::raw::{Dialog, RawPeer, header};

/// RFC 3261 section 17.1.1.1.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// Longer than who was told to wait (100) may do so, and than edge knows nothing of a change for: it says what is in force after T2.
const WAITS_MAX: Duration = STEP_PATIENCE;
/// CSeq of the first change: those of the exchange are smaller, or much larger.
const FIRST: u32 = 10;
/// What each line begins in turn: the method, and the direction that it offers, if it makes an offer.
const CHANGES: [(&str, Option<&str>); 6] = [
    ("INVITE", Some("sendonly")),
    ("INVITE", None),
    ("INVITE", Some("sendrecv")),
    ("UPDATE", Some("sendonly")),
    ("UPDATE", None),
    ("INVITE", Some("sendrecv")),
];

/// Something that is sent until it is heard.
#[derive(Debug)]
struct Again {
    text: String,
    sequence: u32,
    /// Not any more, once somebody has said that he works on it.
    at: Option<Instant>,
    interval: Duration,
    began: Instant,
}

impl Again {
    fn new(text: String, sequence: u32, now: Instant) -> Self {
        Self { text, sequence, at: Some(now + T1), interval: T1, began: now }
    }

    /// What is due to be sent.
    fn due(&mut self, now: Instant) -> Option<&str> {
        self.at.take_if(|at| *at <= now)?;
        self.interval = (self.interval * 2).min(T2);
        self.at = Some(now + self.interval);
        Some(&self.text)
    }
}

/// A change that this side has begun.
#[derive(Debug)]
struct Asked {
    again: Again,
    method: &'static str,
    offers: Option<&'static str>,
}

/// What one side of a call is doing, and believes.
#[derive(Debug)]
pub(super) struct Line {
    call: u32,
    port: u16,
    /// Changes that came about.
    pub(super) changes: u32,
    begun: usize,
    sequence: u32,
    version: u32,
    asked: Option<Asked>,
    /// Our 2xx that is not acknowledged, and what it offers.
    answered: Option<(Again, Option<String>)>,
    /// ACKs by CSeq.
    acks: HashMap<u32, String>,
    /// Answers by the branch of what they answer.
    answers: HashMap<String, String>,
    /// Of the newest request of edge's.
    heard_sequence: u32,
    /// The newest version that edge has said, and what it says.
    heard: Option<(u64, String)>,
    /// Directions in force: ours, and edge's.
    believes: [String; 2],
    next_at: Instant,
    /// How long it rests between changes.
    rests: Duration,
}

impl Line {
    pub(super) fn new(side: Side, call: u32, port: u16, now: Instant) -> Self {
        // Each in a time of its own, so that all things meet sooner or later.
        let rests = match side {
            Side::Carrier => 310 + 7 * u64::from(call % 16),
            Side::Pbx => 430 + 11 * u64::from(call % 16),
        };
        let rests = Duration::from_millis(rests);
        Self {
            call,
            port,
            changes: 0,
            begun: call as usize,
            sequence: FIRST,
            version: 1,
            asked: None,
            answered: None,
            acks: HashMap::new(),
            answers: HashMap::new(),
            heard_sequence: 0,
            heard: None,
            believes: ["sendrecv".to_owned(), "sendrecv".to_owned()],
            next_at: now + rests,
            rests,
        }
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.asked.is_some() || self.answered.is_some()
    }

    /// Whether nothing is under way, and each side believes what the other one does.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let [ours, edges] = &self.believes;
        !self.is_busy() && !other.is_busy() && [edges, ours] == other.believes.each_ref()
    }

    pub(super) fn does_what_is_due(
        &mut self,
        peer: &RawPeer,
        dialog: &Dialog,
        now: Instant,
        raging: bool,
    ) -> Result<()> {
        let waiting = self.asked.iter_mut().map(|asked| &mut asked.again);
        for again in waiting.chain(self.answered.iter_mut().map(|(again, _)| again)) {
            ensure!(
                now < again.began + WAITS_MAX,
                "call {} waits for ever for an answer to {}",
                self.call,
                again.text
            );
            if let Some(text) = again.due(now) {
                peer.send(text.as_bytes())?;
            }
        }
        if raging && !self.is_busy() && now >= self.next_at {
            self.begins(peer, dialog, now)?;
        }
        Ok(())
    }

    fn begins(&mut self, peer: &RawPeer, dialog: &Dialog, now: Instant) -> Result<()> {
        let (method, offers) = CHANGES[self.begun % CHANGES.len()];
        self.sequence += 1;
        let sdp = offers.map(|direction| self.describes(peer, direction)).unwrap_or_default();
        let text = peer.within_saying(dialog, method, self.sequence, &sdp);
        peer.send(text.as_bytes())?;
        self.asked = Some(Asked { again: Again::new(text, self.sequence, now), method, offers });
        Ok(())
    }

    /// Our description, in a version of its own.
    fn describes(&mut self, peer: &RawPeer, direction: &str) -> String {
        self.version += 1;
        peer.describes(self.port, self.version, direction)
    }

    pub(super) fn hears(&mut self, peer: &RawPeer, dialog: &Dialog, message: &str) -> Result<()> {
        let cseq = header(message, "CSeq").context("a CSeq")?;
        let (sequence, method) = cseq.split_once(' ').context("a CSeq")?;
        let sequence = sequence.parse()?;
        let Some(response) = message.strip_prefix("SIP/2.0 ") else {
            return self.is_asked(peer, message, method, sequence);
        };
        let code = response.get(..3).unwrap_or_default().parse()?;
        self.is_answered(peer, dialog, message, (code, sequence, method))
    }

    fn is_asked(&mut self, peer: &RawPeer, request: &str, method: &str, sequence: u32) -> Result<()> {
        if method == "ACK" {
            return self.is_acknowledged(request, sequence);
        }
        let via = header(request, "Via").context("a Via")?.to_owned();
        if let Some(answer) = self.answers.get(&via) {
            return peer.send(answer.as_bytes());
        }
        ensure!(sequence > self.heard_sequence, "CSeq goes back from {}", self.heard_sequence);
        self.heard_sequence = sequence;
        let offer = body(request);
        let changes = method == "INVITE" || !offer.is_empty();
        ensure!(matches!(method, "INVITE" | "UPDATE" | "OPTIONS"), "what for?");
        let answer = if changes && self.is_busy() {
            peer.answer(request, "491 Request Pending", None)?
        } else if changes {
            self.takes(peer, request, method, sequence)?
        } else {
            peer.answer(request, "200 OK", None)?
        };
        peer.send(answer.as_bytes())?;
        self.answers.insert(via, answer);
        Ok(())
    }

    /// Answers a change of the other side's.
    fn takes(&mut self, peer: &RawPeer, request: &str, method: &str, sequence: u32) -> Result<String> {
        let offer = body(request);
        let direction = if offer.is_empty() { "sendrecv" } else { mirrored(self.notes(offer)?) };
        let direction = direction.to_owned();
        let sdp = self.describes(peer, &direction);
        let answer = peer.answer_saying(request, "200 OK", &sdp)?;
        if !offer.is_empty() {
            self.believes = [direction.clone(), mirrored(&direction).to_owned()];
        }
        if method == "INVITE" {
            let offered = offer.is_empty().then_some(direction);
            self.answered = Some((Again::new(answer.clone(), sequence, Instant::now()), offered));
        }
        Ok(answer)
    }

    fn is_acknowledged(&mut self, ack: &str, sequence: u32) -> Result<()> {
        let Some((_, offered)) = self.answered.take_if(|(again, _)| again.sequence == sequence) else {
            return Ok(());
        };
        if let Some(offered) = offered {
            ensure!(!body(ack).is_empty(), "an offer without an answer");
            let edges = self.notes(body(ack))?.to_owned();
            self.believes = [mirrored(&edges).to_owned(), edges];
            ensure!(offered == "sendrecv", "it offers everything");
        }
        self.next_at = Instant::now() + self.rests;
        Ok(())
    }

    fn is_answered(
        &mut self,
        peer: &RawPeer,
        dialog: &Dialog,
        response: &str,
        (code, sequence, method): (u16, u32, &str),
    ) -> Result<()> {
        let known = |asked: &mut Asked| asked.again.sequence == sequence;
        if code < 200 {
            if let Some(asked) = self.asked.as_mut().filter(|asked| asked.again.sequence == sequence) {
                asked.again.at.take_if(|_| method == "INVITE");
            }
            return Ok(());
        }
        let Some(asked) = self.asked.take_if(known) else {
            // It has not heard the ACK.
            return self.acks.get(&sequence).map_or(Ok(()), |ack| peer.send(ack.as_bytes()));
        };
        self.next_at = Instant::now() + self.rests;
        let answer = match code {
            200 => self.succeeds(peer, response, &asked)?,
            491 | 500 | 503 => String::new(),
            _ => bail!("{} is not taken", asked.again.text),
        };
        if asked.method == "INVITE" {
            let ack = match code {
                200 => peer.within_saying(dialog, "ACK", sequence, &answer),
                _ => acknowledges_refusal(&asked.again.text, response)?,
            };
            peer.send(ack.as_bytes())?;
            self.acks.insert(sequence, ack);
        }
        Ok(())
    }

    /// A change came about; returns the answer that its ACK has, if the other side made the offer.
    fn succeeds(&mut self, peer: &RawPeer, response: &str, asked: &Asked) -> Result<String> {
        self.changes += 1;
        self.begun += 1;
        let said = body(response);
        if (asked.method, asked.offers) == ("UPDATE", None) {
            return Ok(String::new());
        }
        let edges = self.notes(said)?.to_owned();
        let ours = asked.offers.unwrap_or_else(|| mirrored(&edges)).to_owned();
        let answer = match asked.offers {
            Some(_) => String::new(),
            None => self.describes(peer, &ours),
        };
        self.believes = [ours, edges];
        Ok(answer)
    }

    /// Takes note of a description of edge's, and returns its direction.
    fn notes<'said>(&mut self, said: &'said str) -> Result<&'said str> {
        let origin = said.lines().find_map(|line| line.strip_prefix("o=- ")).context("no o=")?;
        let version = origin.split(' ').nth(1).context("no version")?.parse()?;
        if let Some((before, what)) = &self.heard {
            ensure!(version >= *before, "version {version} after {before}");
            ensure!(version > *before || what == said, "another description under version {version}: {what}");
        }
        self.heard = Some((version, said.to_owned()));
        let directions = ["sendonly", "recvonly", "inactive", "sendrecv"];
        let named = |line: &'said str| line.strip_prefix("a=").filter(|name| directions.contains(name));
        Ok(said.lines().find_map(named).unwrap_or("sendrecv"))
    }
}

/// The direction as the other end of it sees it.
fn mirrored(direction: &str) -> &str {
    match direction {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        same => same,
    }
}

fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The ACK of a refused INVITE, which is of its transaction (RFC 3261 section 17.1.1.3).
fn acknowledges_refusal(invite: &str, response: &str) -> Result<String> {
    let (to, refused) = (header(invite, "To").context("a To")?, header(response, "To").context("a To")?);
    let head = invite.split("\r\nContact: ").next().unwrap_or_default();
    let ack = head.replacen("INVITE ", "ACK ", 1).replace(" INVITE", " ACK");
    let ack = ack.replace(&format!("To: {to}"), &format!("To: {refused}"));
    Ok(format!("{ack}\r\nContent-Length: 0\r\n\r\n"))
}
