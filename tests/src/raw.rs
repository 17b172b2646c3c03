//! A peer made by hand, for what SIPp cannot do: sending a request twice, holding back an ACK, sending many at once.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::lab::{Lab, Side};
use crate::namespace::Namespace;
use crate::sipp::SIP_PORT;

const READ_TIMEOUT: Duration = Duration::from_millis(50);
const MESSAGE_OCTETS_MAX: usize = 65_535;

/// A UDP socket in a peer's namespace that talks SIP with edge, message by message.
#[derive(Debug)]
pub struct RawPeer {
    socket: UdpSocket,
    address: SocketAddrV4,
    edge: SocketAddrV4,
    /// Unique a peer, so that its Call-IDs and branches are.
    name: String,
}

impl RawPeer {
    /// Binds to `port` of the peer's own address.
    pub fn bind(lab: &Lab, side: Side, port: u16) -> Result<Self> {
        Self::bind_to(lab, side, SocketAddrV4::new(side.peer_address(), port))
    }

    /// Binds to any address of the peer's.
    pub fn bind_to(lab: &Lab, side: Side, address: SocketAddrV4) -> Result<Self> {
        Self::bind_in(lab.peer(side), address, side.edge_address())
    }

    /// Binds to any address of a namespace that has edge at `edge`.
    pub fn bind_in(namespace: &Namespace, address: SocketAddrV4, edge: Ipv4Addr) -> Result<Self> {
        let socket = namespace.run(|| UdpSocket::bind(address))?.context("cannot bind")?;
        socket.set_read_timeout(Some(READ_TIMEOUT))?;
        let name = format!("{}-{}", namespace.name(), address.port());
        Ok(Self { socket, address, edge: SocketAddrV4::new(edge, SIP_PORT), name })
    }

    /// Sends to another place than edge.
    pub fn towards(self, edge: SocketAddrV4) -> Self {
        Self { edge, ..self }
    }

    /// Sends a message, or anything else, to edge's SIP port.
    pub fn send(&self, message: &[u8]) -> Result<()> {
        self.socket.send_to(message, self.edge)?;
        Ok(())
    }

    /// An INVITE with a PCMA offer for media at `port` of this peer.
    pub fn invite(&self, call: &str, number: &str, port: u16) -> String {
        let sdp = offer(*self.address.ip(), port);
        let extra = format!("Contact: <sip:raw@{}>\r\nContent-Type: application/sdp\r\n", self.address);
        self.request("INVITE", call, number, "", &extra, &sdp)
    }

    /// The Call-ID of a call that it places.
    pub fn call_id(&self, call: &str) -> String {
        format!("{call}-{}@{}", self.name, self.address)
    }

    /// An OPTIONS, which is answered at once.
    pub fn options(&self, call: &str) -> String {
        self.request("OPTIONS", call, "edge", "", "", "")
    }

    /// A request in the dialog that `answer` belongs to, with a branch of its own.
    pub fn in_dialog(&self, method: &str, call: &str, answer: &str) -> Result<String> {
        let to = header(answer, "To").context("the answer has no To")?;
        let contact = header(answer, "Contact").context("the answer has no Contact")?;
        let target = contact.trim_start_matches('<').split('>').next().unwrap_or_default();
        Ok(self.message(method, call, target, to, "", ""))
    }

    /// Messages until one satisfies `last` or patience ends; the others come first.
    pub fn receive_until(&self, patience: Duration, last: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let deadline = Instant::now() + patience;
        let mut received = Vec::new();
        while Instant::now() < deadline {
            let Some(message) = self.receive()? else { continue };
            let done = last(&message);
            received.push(message);
            if done {
                break;
            }
        }
        Ok(received)
    }

    /// Messages that come within `patience`.
    pub fn receive_for(&self, patience: Duration) -> Result<Vec<String>> {
        self.receive_until(patience, |_| false)
    }

    /// Messages that have come already.
    pub fn receive_waiting(&self) -> Result<Vec<String>> {
        self.socket.set_nonblocking(true)?;
        let mut received = Vec::new();
        while let Some(message) = self.receive()? {
            received.push(message);
        }
        self.socket.set_nonblocking(false)?;
        Ok(received)
    }

    /// Waits for a message to any of these peers.
    pub fn wait_for_any(peers: &[&Self; 2], patience: Duration) -> Result<()> {
        let mut polled =
            peers.map(|peer| libc::pollfd { fd: peer.socket.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        let patience = libc::timespec {
            tv_sec: i64::try_from(patience.as_secs())?,
            tv_nsec: patience.subsec_nanos().into(),
        };
        // SAFETY: both live through the call, and the array has the length that is told; no signals are masked.
        let outcome = unsafe { libc::ppoll(polled.as_mut_ptr(), 2, &raw const patience, std::ptr::null()) };
        let error = io::Error::last_os_error();
        anyhow::ensure!(outcome >= 0 || error.kind() == io::ErrorKind::Interrupted, "cannot wait: {error}");
        Ok(())
    }

    /// The first message that satisfies `wanted`.
    pub fn expect(&self, patience: Duration, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let mut received = self.receive_until(patience, &wanted)?;
        let found = received.pop().filter(|message| wanted(message));
        found.with_context(|| format!("not received; only {received:#?}"))
    }

    fn receive(&self) -> Result<Option<String>> {
        let mut buffer = vec![0_u8; MESSAGE_OCTETS_MAX];
        match self.socket.recv(&mut buffer) {
            Ok(length) => Ok(Some(String::from_utf8_lossy(&buffer[..length]).into_owned())),
            Err(error) if is_nothing_yet(error.kind()) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn request(&self, method: &str, call: &str, number: &str, tag: &str, extra: &str, body: &str) -> String {
        let uri = format!("sip:{number}@{}", self.edge);
        self.message(method, call, &uri, &format!("<{uri}>{tag}"), extra, body)
    }

    fn message(&self, method: &str, call: &str, uri: &str, to: &str, extra: &str, body: &str) -> String {
        let Self { address, name, .. } = self;
        let sequence = if matches!(method, "INVITE" | "ACK") { 1 } else { 2 };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK-{name}-{call}-{method}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+442079460000@{address}>;tag=raw-{call}\r\nTo: {to}\r\n\
             Call-ID: {}\r\nCSeq: {sequence} {method}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            self.call_id(call),
            body.len()
        )
    }
}

/// Whether a receive that was not waited out, or was waited out, or was disturbed by a signal may be tried again.
const fn is_nothing_yet(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// Whether a message is a response with this code to this method.
pub fn is_response(message: &str, code: u16, method: &str) -> bool {
    let to_method = header(message, "CSeq").is_some_and(|value| value.ends_with(method));
    to_method && message.starts_with(&format!("SIP/2.0 {code} "))
}

/// The value of the first header of this (full) name.
pub fn header<'message>(message: &'message str, name: &str) -> Option<&'message str> {
    headers(message, name).next()
}

/// The values of all headers of this (full) name, from the top.
pub fn headers<'message>(message: &'message str, name: &str) -> impl Iterator<Item = &'message str> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.filter(move |(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn offer(address: Ipv4Addr, port: u16) -> String {
    format!(
        "v=0\r\no=raw 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

/// A dialog as one of its sides writes it (RFC 3261 section 12).
#[derive(Clone, Debug)]
pub struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    /// Values of Route, from the top: proxies that asked to stay in the dialog.
    routes: Vec<String>,
}

/// The tag of a peer that answers by hand.
const CALLED_TAG: &str = ";tag=raw-called";

impl Dialog {
    /// Of who sent the INVITE that `response` answers.
    pub fn of_caller(response: &str) -> Result<Self> {
        let mut dialog = Self::read(response, ["From", "To"], "")?;
        // RFC 3261 section 12.1.2.
        dialog.routes.reverse();
        Ok(dialog)
    }

    /// Of who answers `invite` with [`RawPeer::answer`].
    pub fn of_called(invite: &str) -> Result<Self> {
        Self::read(invite, ["To", "From"], CALLED_TAG)
    }

    /// As a Replaces names it to its other side (RFC 3891 section 6.1).
    pub fn named_by_replaces(&self) -> Result<String> {
        let tag = |address: &str| address.split(";tag=").nth(1).map(str::to_owned).context("no tag");
        Ok(format!("{};to-tag={};from-tag={}", self.call_id, tag(&self.remote)?, tag(&self.local)?))
    }

    fn read(message: &str, [local, remote]: [&str; 2], tag: &str) -> Result<Self> {
        let value = |name| header(message, name).with_context(|| format!("no {name} in {message}"));
        let contact = value("Contact")?;
        let target = contact.trim_start_matches('<').split('>').next().unwrap_or_default();
        Ok(Self {
            call_id: value("Call-ID")?.to_owned(),
            local: format!("{}{tag}", value(local)?),
            remote: value(remote)?.to_owned(),
            target: target.to_owned(),
            routes: headers(message, "Record-Route").map(str::to_owned).collect(),
        })
    }
}

impl RawPeer {
    /// A response to `request`, with SDP for media at `port` when there is one.
    pub fn answer(&self, request: &str, status: &str, port: Option<u16>) -> Result<String> {
        self.answer_saying(request, status, &self.describes_at(port))
    }

    /// The same, with this description, or none.
    pub fn answer_saying(&self, request: &str, status: &str, sdp: &str) -> Result<String> {
        let mut answer = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route"] {
            headers(request, name).for_each(|value| answer.push_str(&format!("{name}: {value}\r\n")));
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            let value = header(request, name).with_context(|| format!("the request has no {name}"))?;
            let tag = if name == "To" && !value.contains(";tag=") { CALLED_TAG } else { "" };
            answer.push_str(&format!("{name}: {value}{tag}\r\n"));
        }
        Ok(format!("{answer}{}", self.contact_and(sdp)))
    }

    /// A description of PCMA at `port` of this peer, in this version, with this direction.
    pub fn describes(&self, port: u16, version: u32, direction: &str) -> String {
        let described = offer(*self.address.ip(), port);
        format!("{}a={direction}\r\n", described.replacen("o=raw 1 1 ", &format!("o=raw 1 {version} "), 1))
    }

    /// A request within a dialog; an ACK is that of a 2xx.
    pub fn within(&self, dialog: &Dialog, method: &str, sequence: u32, port: Option<u16>) -> String {
        self.within_saying(dialog, method, sequence, &self.describes_at(port))
    }

    /// The same, with this description, or none.
    pub fn within_saying(&self, dialog: &Dialog, method: &str, sequence: u32, sdp: &str) -> String {
        let Dialog { call_id, local, remote, target, routes } = dialog;
        let routes: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let own = call_id.split('@').next().unwrap_or_default();
        let branch = format!("z9hG4bK-{}-{own}-{sequence}-{method}", self.name);
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={branch}\r\nMax-Forwards: 70\r\nFrom: {local}\r\n\
             To: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\n{routes}{}",
            self.address,
            self.contact_and(sdp)
        )
    }

    /// Withdraws the INVITE of `call`.
    pub fn cancel(&self, call: &str, number: &str) -> String {
        let invite = self.request("INVITE", call, number, "", "", "");
        invite.replacen("INVITE ", "CANCEL ", 1).replace("CSeq: 1 INVITE", "CSeq: 1 CANCEL")
    }

    fn describes_at(&self, port: Option<u16>) -> String {
        port.map(|port| offer(*self.address.ip(), port)).unwrap_or_default()
    }

    fn contact_and(&self, sdp: &str) -> String {
        let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!("Contact: <sip:raw@{}>\r\n{kind}Content-Length: {}\r\n\r\n{sdp}", self.address, sdp.len())
    }
}
