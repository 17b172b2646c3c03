//! Calls that stand: both peers are one thread that writes INVITE, 200 and ACK by hand, so that ten thousand calls stand after
//! seconds and each has the ports that a bench wants.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use edge_tests::raw::{Dialog, header, is_response};
use edge_tests::sipp::SIP_PORT;
use edge_tests::{Lab, RawPeer, Side};

use crate::clock;

/// Calls under way at once: so few that edge never finds that its messages wait too long, and turns none away.
const UNDER_WAY_MAX: usize = 8;
/// After so long without a message what was sent is sent again.
const SILENCE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(20);
/// What the lab's route for calls to the PBX takes off; the number of the call follows.
pub(crate) const BEFORE_NUMBER: &str = "+442071838";

/// The RTP port of both peers of a call.
pub(crate) type Port = fn(u32) -> Result<u16>;

/// One call as the relay has it: where it takes the carrier's packets, and the PBX's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) outside: SocketAddrV4,
    pub(crate) inside: SocketAddrV4,
}

/// Where the session description in a message wants its audio.
pub(crate) fn audio(message: &str) -> Result<SocketAddrV4> {
    let value = |prefix| message.lines().find_map(|line| line.strip_prefix(prefix));
    let address: Option<Ipv4Addr> = value("c=IN IP4 ").and_then(|address| address.trim().parse().ok());
    let port = value("m=audio ").and_then(|media| media.split(' ').next()?.parse().ok());
    let (address, port) = address.zip(port).with_context(|| format!("no audio in {message}"))?;
    Ok(SocketAddrV4::new(address, port))
}

/// The number of the call that an INVITE to the PBX is for.
pub(crate) fn number_of(invite: &str) -> Result<u32> {
    let number = invite.strip_prefix("INVITE sip:").and_then(|rest| rest.split('@').next()?.parse().ok());
    number.with_context(|| format!("an INVITE for nobody: {invite}"))
}

/// Both peers, and what they have heard of each call.
pub(crate) struct Exchange {
    caller: RawPeer,
    called: RawPeer,
    port: Port,
    count: u32,
    begun: u32,
    /// Where edge takes the media of a call, as it told the PBX, and the carrier.
    inside: HashMap<u32, SocketAddrV4>,
    outside: HashMap<u32, SocketAddrV4>,
}

impl Exchange {
    /// Between the peers of `lab`, which want their audio at the ports that `port` says.
    pub(crate) fn begin(lab: &Lab, count: u32, port: Port) -> Result<Self> {
        let peer = |side| RawPeer::bind(lab, side, SIP_PORT);
        let (caller, called) = (peer(Side::Carrier)?, peer(Side::Pbx)?);
        Ok(Self { caller, called, port, count, begun: 0, inside: HashMap::new(), outside: HashMap::new() })
    }

    /// Places all calls; they stand as long as edge does.
    pub(crate) fn finish(mut self) -> Result<Vec<Call>> {
        let mut heard = clock::now();
        let deadline = heard + PATIENCE + Duration::from_millis(u64::from(self.count) * 4);
        while self.outside.len() < self.count as usize {
            self.begin_more()?;
            if self.hear()? {
                heard = clock::now();
            } else {
                thread::sleep(Duration::from_millis(1));
            }
            if clock::now().duration_since(heard) > SILENCE {
                self.begin_again()?;
                heard = clock::now();
            }
            ensure!(clock::now() < deadline, "{} of {} calls stand", self.outside.len(), self.count);
        }
        let call = |number| {
            let of = |ports: &HashMap<u32, SocketAddrV4>| ports.get(&number).copied();
            let call =
                of(&self.outside).zip(of(&self.inside)).map(|(outside, inside)| Call { outside, inside });
            call.with_context(|| format!("call {number} has one side only"))
        };
        (0..self.count).map(call).collect()
    }

    fn begin_more(&mut self) -> Result<()> {
        while self.begun < self.count && self.begun as usize - self.outside.len() < UNDER_WAY_MAX {
            self.invite(self.begun)?;
            self.begun += 1;
        }
        Ok(())
    }

    fn begin_again(&self) -> Result<()> {
        (0..self.begun).filter(|call| !self.outside.contains_key(call)).try_for_each(|call| self.invite(call))
    }

    fn invite(&self, call: u32) -> Result<()> {
        let number = format!("{BEFORE_NUMBER}{call:05}");
        self.caller.send(self.caller.invite(&call.to_string(), &number, (self.port)(call)?).as_bytes())
    }

    /// Takes in what has come to both; whether it was anything.
    fn hear(&mut self) -> Result<bool> {
        let (to_called, to_caller) = (self.called.receive_waiting()?, self.caller.receive_waiting()?);
        let anything = !(to_called.is_empty() && to_caller.is_empty());
        for message in to_called.iter().filter(|message| message.starts_with("INVITE ")) {
            let call = number_of(message)?;
            self.inside.insert(call, audio(message)?);
            let answer = self.called.answer(message, "200 OK", Some((self.port)(call)?))?;
            self.called.send(answer.as_bytes())?;
        }
        for message in to_caller {
            self.answered(&message)?;
        }
        Ok(anything)
    }

    fn answered(&mut self, message: &str) -> Result<()> {
        if !is_response(message, 200, "INVITE") {
            let provisional = message.starts_with("SIP/2.0 1");
            return if provisional { Ok(()) } else { bail!("the caller hears {message}") };
        }
        let call_id = header(message, "Call-ID").unwrap_or_default();
        let call = call_id.split('-').next().and_then(|call| call.parse().ok());
        self.outside.insert(call.context("a 200 for no call")?, audio(message)?);
        let ack = self.caller.within(&Dialog::of_caller(message)?, "ACK", 1, None);
        self.caller.send(ack.as_bytes())
    }
}
