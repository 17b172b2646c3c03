//! A side that stays while another one takes the place of who it spoke with: by INVITE with Replaces, or because a REFER is carried
//! out. Its leg goes to another call, and it hears one stream all the same.

use std::net::{SocketAddrV4, UdpSocket};

use anyhow::{Context, Result, ensure};
use edge_tests::drill::{PATIENCE, number, with_edge};
use edge_tests::edge::wait_for_cdrs;
use edge_tests::exchange::audio;
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::raw::{Dialog, RawPeer, header, is_response};
use edge_tests::sipp::SIP_PORT;
use edge_tests::{EdgeConfig, EdgeProcess};

use super::{
    CALL, CARRIER_PORT, PACKETS, Place, TICKS, is_one_stream, receiver_report, socket, steady_ssrcs,
};

/// The ports of who takes the place: SIP and RTP.
const THIRD: (u16, u16) = (5071, 6010);

/// Somebody who takes part: answers all that it is asked, and speaks.
struct Party {
    peer: RawPeer,
    port: u16,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    dialog: Option<Dialog>,
    /// Where edge takes its media.
    edge: Option<SocketAddrV4>,
    /// ACKs that it got.
    acknowledged: u32,
    ended: bool,
}

impl Party {
    fn new(lab: &Lab, side: Side, (sip, port): (u16, u16)) -> Result<Self> {
        Ok(Self {
            peer: RawPeer::bind(lab, side, sip)?,
            port,
            rtp: socket(lab, side, port)?,
            rtcp: socket(lab, side, port + 1)?,
            dialog: None,
            edge: None,
            acknowledged: 0,
            ended: false,
        })
    }

    /// Takes in what has come.
    fn takes_part(&mut self) -> Result<()> {
        for message in self.peer.receive_waiting()? {
            if let Ok(edge) = audio(&message) {
                self.edge = Some(edge);
            }
            if message.starts_with("ACK ") {
                self.acknowledged += 1;
            } else if is_response(&message, 200, "INVITE") {
                let dialog = self.dialog.insert(Dialog::of_caller(&message)?);
                self.peer.send(self.peer.within(dialog, "ACK", 1, None).as_bytes())?;
            } else if !message.starts_with("SIP/2.0 ") {
                self.is_asked(&message)?;
            }
        }
        Ok(())
    }

    fn is_asked(&mut self, request: &str) -> Result<()> {
        let begins = header(request, "To").is_some_and(|to| !to.contains(";tag="));
        let port = request.starts_with("INVITE ").then_some(self.port);
        if begins && port.is_some() {
            self.dialog = Some(Dialog::of_called(request)?);
        }
        self.ended |= request.starts_with("BYE ");
        self.peer.send(self.peer.answer(request, "200 OK", port)?.as_bytes())
    }

    /// Sends a request within its dialog, with this header in it.
    fn asks(&self, method: &str, sequence: u32, extra: &str) -> Result<()> {
        let dialog = self.dialog.as_ref().context("a dialog")?;
        let request = self.peer.within(dialog, method, sequence, None);
        self.peer.send(request.replacen("Max-Forwards", &format!("{extra}Max-Forwards"), 1).as_bytes())
    }

    /// Speaks packets from `first` on, which `listener` hears.
    fn speaks_to(&self, listener: &Self, first: Place) -> Result<Vec<Place>> {
        let edge = self.edge.context("it knows no place for its media")?;
        let mut heard = Vec::new();
        for step in 0..PACKETS {
            let sequence = first.sequence.wrapping_add(step);
            let timestamp = first.timestamp.wrapping_add(TICKS * u32::from(step));
            self.rtp.send_to(&Place { sequence, timestamp, ..first }.packet(), edge)?;
            let mut received = [0; 2048];
            let arrival = wait_until(PATIENCE, || {
                let length = listener.rtp.recv(&mut received).ok()?;
                Place::of(&received[..length])
            });
            heard.push(arrival.with_context(|| format!("packet {step} of {first:?} never arrives"))?);
        }
        Ok(heard)
    }

    /// Reports on what it hears; returns whom `speaker` is told of.
    fn reports_on(&self, speaker: &Self, last: Place) -> Result<u32> {
        let edge = self.edge.context("it knows no place for its reports")?;
        let report = receiver_report(0x0a, last.ssrc, u32::from(last.sequence));
        let mut received = [0; 2048];
        let arrival = wait_until(PATIENCE, || {
            self.rtcp.send_to(&report, SocketAddrV4::new(*edge.ip(), edge.port() + 1)).ok()?;
            speaker.rtcp.recv(&mut received).ok()
        });
        let about = received[..arrival.context("the report never arrives")?].get(8..12);
        Ok(u32::from_be_bytes(about.context("it is about nobody")?.try_into()?))
    }
}

/// All of them take part until it has come to that.
fn until<const N: usize>(
    mut parties: [&mut Party; N],
    what: &str,
    done: impl Fn(&[&mut Party; N]) -> bool,
) -> Result<()> {
    let outcome = wait_until(PATIENCE, || {
        let taken = parties.iter_mut().try_for_each(|party| party.takes_part());
        match taken {
            Ok(()) => done(&parties).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        }
    });
    outcome.with_context(|| what.to_owned())?
}

/// Who takes the place, and what makes it so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Replaces,
    Refer,
}

impl By {
    /// The third party, on its way.
    fn begins(self, lab: &Lab, pbx: &Party) -> Result<Party> {
        match self {
            Self::Replaces => {
                let third = Party::new(lab, Side::Pbx, THIRD)?;
                let named = pbx.dialog.as_ref().context("a dialog")?.named_by_replaces()?;
                let invite = third.peer.invite("takes-over", number(Side::Pbx), THIRD.1);
                let headers = format!("Require: replaces\r\nReplaces: {named}\r\nMax-Forwards");
                third.peer.send(invite.replacen("Max-Forwards", &headers, 1).as_bytes())?;
                Ok(third)
            }
            Self::Refer => {
                let third = Party::new(lab, Side::Carrier, (SIP_PORT, THIRD.1))?;
                pbx.asks("REFER", 1, &format!("Refer-To: <sip:{}@anywhere.example>\r\n", number(Side::Pbx)))?;
                Ok(third)
            }
        }
    }
}

/// The carrier hears the PBX, and then who takes the place of that: one stream, before and after the edge's death.
fn is_one_stream_to_who_stays(by: By, config: EdgeConfig) -> Result<()> {
    let config = config.trunk(Side::Carrier, "rtp = \"steady\"").trunk(Side::Pbx, "refer = \"consume\"");
    let first = Place { ssrc: 0x1111_1111, sequence: 65_530, timestamp: 5000, marker: false };
    let second = Place { ssrc: 0x2222_2222, sequence: 40_000, timestamp: 9_000_000, marker: false };
    with_edge(config.shards(1), |lab, edge| {
        let mut carrier = Party::new(lab, Side::Carrier, (5070, CARRIER_PORT))?;
        let mut pbx = Party::new(lab, Side::Pbx, (SIP_PORT, 6000))?;
        carrier.peer.send(carrier.peer.invite(CALL, number(Side::Carrier), CARRIER_PORT).as_bytes())?;
        until([&mut carrier, &mut pbx], "the call is up", |[_, pbx]| pbx.acknowledged > 0)?;
        let mut heard = pbx.speaks_to(&carrier, first)?;
        let ours = heard[0].ssrc;
        ensure!(steady_ssrcs(lab)?.contains(&ours.into()) && ours != first.ssrc, "{heard:?}");

        let mut third = by.begins(lab, &pbx)?;
        until([&mut carrier, &mut pbx, &mut third], "it has taken the place", |[carrier, pbx, third]| {
            carrier.acknowledged > 0 && pbx.ended && third.edge.is_some() && third.dialog.is_some()
        })?;
        heard.extend(third.speaks_to(&carrier, second)?);
        ensure!(carrier.reports_on(&third, heard[19])? == second.ssrc, "reports have another source");

        edge.kill()?;
        let edge = EdgeProcess::start_again(lab)?;
        ensure!(steady_ssrcs(lab)?.contains(&ours.into()), "another one after the restart");
        let on = Place { sequence: 40_010, timestamp: 9_000_000 + 10 * TICKS, ..second };
        heard.extend(third.speaks_to(&carrier, on)?);
        ensure!(heard[0].ssrc == ours);
        is_one_stream(&heard, &[10])?;

        carrier.asks("BYE", 100, "")?;
        until([&mut carrier, &mut third], "the call is over", |[_, third]| third.ended)?;
        wait_for_cdrs(lab, 2, PATIENCE)?;
        edge.stop()
    })
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_stays_hears_one_stream_when_a_dialog_is_replaced() -> Result<()> {
    is_one_stream_to_who_stays(By::Replaces, EdgeConfig::default())?;
    is_one_stream_to_who_stays(By::Replaces, EdgeConfig::default().mode("off"))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn who_stays_hears_one_stream_when_a_transfer_is_carried_out() -> Result<()> {
    is_one_stream_to_who_stays(By::Refer, EdgeConfig::default())?;
    is_one_stream_to_who_stays(By::Refer, EdgeConfig::default().mode("off"))
}
