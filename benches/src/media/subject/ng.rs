//! rtpengine, asked for relays by its own control protocol ("ng": a dictionary in bencode behind a cookie, over UDP).

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_tests::exchange::{Call, audio};
use edge_tests::process::Process;
use edge_tests::traffic::{self, description};
use edge_tests::{Lab, Side};

use crate::rtpengine;

const TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_MAX: usize = 4096;

/// Starts it, and has it relay so many calls.
pub(super) fn start(lab: &Lab, count: u32) -> Result<(Process, Vec<Call>)> {
    let process = rtpengine::start(lab)?;
    let control = Control::open(lab)?;
    let calls = (0..count).map(|call| control.call(call)).collect::<Result<_>>();
    let calls = calls.with_context(|| format!("rtpengine says:\n{}", process.output()))?;
    Ok((process, calls))
}

/// A socket that asks.
struct Control {
    socket: UdpSocket,
}

impl Control {
    fn open(lab: &Lab) -> Result<Self> {
        let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let socket = lab.edge().run(|| UdpSocket::bind(local))??;
        socket.connect(rtpengine::CONTROL)?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self { socket })
    }

    /// What the carrier offers is told to the PBX, and its answer to the carrier.
    fn call(&self, number: u32) -> Result<Call> {
        let port = traffic::port(number)?;
        let [offer, answer] =
            Side::BOTH.map(|side| description(SocketAddrV4::new(side.peer_address(), port)));
        let id = format!("call-{number}");
        let inside = self.ask(&format!("{number}a"), "offer", &id, &offer)?;
        let outside = self.ask(&format!("{number}b"), "answer", &id, &answer)?;
        Ok(Call { outside, inside })
    }

    /// Where the relay wants what is to be sent to who gets this description.
    fn ask(&self, cookie: &str, command: &str, id: &str, description: &str) -> Result<SocketAddrV4> {
        let devices = Side::BOTH.map(|side| text(side.edge_device())).concat();
        let to =
            if command == "answer" { format!("{}{}", text("to-tag"), text("pbx")) } else { String::new() };
        let question = format!(
            "{cookie} d{}{}{}{}{}l{devices}e{}{}{}{}{}{}{to}e",
            text("call-id"),
            text(id),
            text("command"),
            text(command),
            text("direction"),
            text("from-tag"),
            text("carrier"),
            text("ICE"),
            text("remove"),
            text("sdp"),
            text(description),
        );
        self.socket.send(question.as_bytes())?;
        let mut answer = [0; ANSWER_MAX];
        let length = self.socket.recv(&mut answer).context("rtpengine does not answer")?;
        let answer = String::from_utf8_lossy(&answer[..length]);
        ensure!(answer.starts_with(cookie) && answer.contains("6:result2:ok"), "{command}: {answer}");
        audio(&answer)
    }
}

/// A string in bencode.
fn text(text: &str) -> String {
    format!("{}:{text}", text.len())
}
