//! Three networks at three devices: calls from each to the next one, at the same time, and packets that come in by the wrong device.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_ebpf::testing::rtp;
use edge_tests::drill::PATIENCE;
use edge_tests::edge::wait_for_cdrs;
use edge_tests::exchange::audio;
use edge_tests::lab::{Lab, PEER_DEVICE, Side};
use edge_tests::namespace::Namespace;
use edge_tests::process::wait_until;
use edge_tests::raw::{Dialog, is_response};
use edge_tests::sipp::SIP_PORT;
use edge_tests::{EdgeConfig, EdgeProcess, RawPeer};

const BRANCH: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);
const EDGE_AT_BRANCH: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const BRANCH_DEVICE: &str = "beside";
/// Of each direction of each call.
const PACKETS: u16 = 50;
/// Between two packets: the ring of a veth holds 256 of them.
const SPACING: Duration = Duration::from_millis(2);
/// Longer than a packet is under way, whatever else the machine does.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const THIRD: &str = r#"
[[realm]]
name = "beside"
device = "beside"
sip = ["udp:198.51.100.1:5060"]
media = ["198.51.100.1"]
media_ports = "20000-29999"

[[trunk]]
name = "branch"
realm = "beside"
host = "198.51.100.20"
port = 5060
auth = "ip"
sources = ["198.51.100.20"]

[[route]]
name = "to-branch"
from = ["carrier"]
to = { prefix = "+49" }
targets = [{ trunk = "branch" }]

[[route]]
name = "from-branch"
from = ["branch"]
to = { prefix = "+4420" }
targets = [{ trunk = "pbx" }]
"#;

/// One of the three networks, seen from who is in it.
struct Network<'lab> {
    namespace: &'lab Namespace,
    address: Ipv4Addr,
    edge: Ipv4Addr,
    peer: RawPeer,
}

impl<'lab> Network<'lab> {
    fn new(namespace: &'lab Namespace, address: Ipv4Addr, edge: Ipv4Addr) -> Result<Self> {
        let peer = RawPeer::bind_in(namespace, SocketAddrV4::new(address, SIP_PORT), edge)?;
        Ok(Self { namespace, address, edge, peer })
    }

    fn of(lab: &'lab Lab, side: Side) -> Result<Self> {
        Self::new(lab.peer(side), side.peer_address(), side.edge_address())
    }

    fn media(&self, port: u16) -> Result<UdpSocket> {
        let socket = self.namespace.run(|| UdpSocket::bind((self.address, port)))??;
        socket.set_read_timeout(Some(READ_TIMEOUT))?;
        Ok(socket)
    }
}

/// A call that stands: the media of both ends, and where edge takes it.
struct Call {
    near: (UdpSocket, SocketAddrV4),
    far: (UdpSocket, SocketAddrV4),
    hang_up: String,
}

/// Calls `number`, which is somebody's in another network, with media at `port` of both.
fn place(from: &Network<'_>, to: &Network<'_>, number: &str, port: u16) -> Result<Call> {
    let (near, far) = (from.media(port)?, to.media(port)?);
    let name = port.to_string();
    from.peer.send(from.peer.invite(&name, number, port).as_bytes())?;
    let invite =
        to.peer.expect(PATIENCE, |message| message.starts_with("INVITE ")).context(number.to_owned())?;
    to.peer.send(to.peer.answer(&invite, "200 OK", Some(port))?.as_bytes())?;
    let answer = from.peer.expect(PATIENCE, |message| is_response(message, 200, "INVITE"))?;
    let dialog = Dialog::of_caller(&answer)?;
    from.peer.send(from.peer.within(&dialog, "ACK", 1, None).as_bytes())?;
    let (here, there) = (audio(&answer)?, audio(&invite)?);
    ensure!(
        *here.ip() == from.edge && *there.ip() == to.edge,
        "media of realms of their own: {here}, {there}"
    );
    let hang_up = from.peer.within(&dialog, "BYE", 2, None);
    Ok(Call { near: (near, here), far: (far, there), hang_up })
}

/// Sends packets both ways; each arrives, in order, from where the description says.
fn talk(call: &Call) -> Result<()> {
    let (near, far) = (&call.near, &call.far);
    for sequence in 0..PACKETS {
        for (one, other) in [(near, far), (far, near)] {
            one.0.send_to(&rtp(sequence, u32::from(sequence) * 160, 7, 160), one.1)?;
            let mut heard = [0; 256];
            let (length, from) =
                other.0.recv_from(&mut heard).with_context(|| format!("packet {sequence}"))?;
            ensure!(from == other.1.into() && length == 172, "{length} octets from {from}");
            ensure!(heard[2..4] == sequence.to_be_bytes(), "packet {sequence} is not the next one");
        }
        std::thread::sleep(SPACING);
    }
    Ok(())
}

/// Makes the third network.
fn branch(lab: &Lab) -> Result<Namespace> {
    let branch = Namespace::create(&format!("{}-branch", lab.edge().name()))?;
    let pair =
        ["link", "add", BRANCH_DEVICE, "type", "veth", "peer", "name", PEER_DEVICE, "netns", branch.name()];
    lab.edge().ip(&pair)?;
    for (namespace, device, address) in
        [(lab.edge(), BRANCH_DEVICE, EDGE_AT_BRANCH), (&branch, PEER_DEVICE, BRANCH)]
    {
        namespace.ip(&["address", "add", &format!("{address}/24"), "dev", device])?;
        namespace.ip(&["link", "set", device, "up"])?;
    }
    // As in the lab's other networks.
    branch.command("ethtool", &["-K", PEER_DEVICE, "tx", "off", "gro", "on"])?;
    Ok(branch)
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn calls_between_three_networks_keep_to_their_devices() -> Result<()> {
    Lab::drill(|lab| {
        let branch = branch(lab)?;
        let edge = EdgeProcess::start(lab, &EdgeConfig::default().section(THIRD))?;
        let (carrier, pbx) = (Network::of(lab, Side::Carrier)?, Network::of(lab, Side::Pbx)?);
        let third = Network::new(&branch, BRANCH, EDGE_AT_BRANCH)?;
        let calls = [
            place(&carrier, &third, "+493012345", 7000)?,
            place(&third, &pbx, "+442071838750", 7010)?,
            place(&pbx, &carrier, "+33142685300", 7020)?,
        ];
        calls.iter().try_for_each(talk)?;
        let relayed = u64::from(PACKETS) * 2 * 3;
        ensure!(edge.counters()?.relayed() == relayed, "{:?}", edge.counters()?);

        // What is for one network's media address is no media in another one: it goes to the host.
        let astray = calls[0].near.1;
        branch.ip(&["route", "add", &format!("{}/32", astray.ip()), "via", &EDGE_AT_BRANCH.to_string()])?;
        calls[0].far.0.send_to(&rtp(PACKETS, 0, 7, 160), astray)?;
        let passed =
            || edge.counters().ok()?.pass.get("other_device").copied().filter(|packets| *packets == 1);
        wait_until(PATIENCE, passed).with_context(|| format!("{:?}", edge.counters()))?;
        ensure!(edge.counters()?.relayed() == relayed, "a packet by the wrong device crossed");

        for (call, from) in calls.iter().zip([&carrier, &third, &pbx]) {
            from.peer.send(call.hang_up.as_bytes())?;
        }
        for called in [&third, &pbx, &carrier] {
            let bye = called.peer.expect(PATIENCE, |message| message.starts_with("BYE "))?;
            called.peer.send(called.peer.answer(&bye, "200 OK", None)?.as_bytes())?;
        }
        wait_for_cdrs(lab, calls.len(), PATIENCE)?;
        edge.stop()
    })
}
