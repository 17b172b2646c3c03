//! One end of a SIP connection made by hand: what arrives in which order, what is answered, and when it is closed.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::lab::{Lab, Side};
use crate::process::wait_until;
use crate::raw::header;
use crate::sipp::SIP_PORT;

const READ_TIMEOUT: Duration = Duration::from_millis(50);

/// A connection between a peer and edge, seen from the peer.
#[derive(Debug)]
pub struct StreamPeer {
    stream: TcpStream,
    received: RefCell<Vec<u8>>,
    closed: Cell<bool>,
}

/// Listens on the SIP port of a peer's own address.
pub fn listen(lab: &Lab, side: Side) -> Result<TcpListener> {
    let address = SocketAddrV4::new(side.peer_address(), SIP_PORT);
    let listener = lab.peer(side).run(|| TcpListener::bind(address))??;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl StreamPeer {
    /// Opens a connection to edge from an address of the peer's.
    pub fn connect(lab: &Lab, side: Side, from: Ipv4Addr) -> Result<Self> {
        let edge = SocketAddrV4::new(side.edge_address(), SIP_PORT);
        let stream = lab.peer(side).run(|| connect(from, edge))?.context("cannot connect")?;
        Self::over(stream)
    }

    /// Whether edge lets nobody in who connects from this address of the peer's.
    pub fn is_turned_away(lab: &Lab, side: Side, from: Ipv4Addr, patience: Duration) -> Result<bool> {
        let edge = SocketAddrV4::new(side.edge_address(), SIP_PORT);
        match lab.peer(side).run(|| connect(from, edge))? {
            Ok(stream) => Self::over(stream)?.is_closed_within(patience),
            // The reset was faster than we.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for a connection that edge opens.
    pub fn accept(listener: &TcpListener, patience: Duration) -> Result<Self> {
        let accepted = wait_until(patience, || listener.accept().ok());
        Self::over(accepted.context("edge opens no connection")?.0)
    }

    fn over(stream: TcpStream) -> Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        Ok(Self { stream, received: RefCell::default(), closed: Cell::default() })
    }

    /// Sends bytes as they are.
    pub fn send(&self, bytes: &str) -> Result<()> {
        self.send_bytes(bytes.as_bytes())
    }

    /// Sends bytes that may be no text.
    pub fn send_bytes(&self, bytes: &[u8]) -> Result<()> {
        Ok((&self.stream).write_all(bytes)?)
    }

    /// Says that nothing more comes. Edge may have closed the connection before.
    pub fn finish(&self) -> Result<()> {
        match self.stream.shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            said => Ok(said?),
        }
    }

    /// The first message that begins with `start`; what comes before it is passed over.
    pub fn expect(&self, patience: Duration, start: &str) -> Result<String> {
        let deadline = Instant::now() + patience;
        loop {
            match self.message() {
                Some(message) if message.starts_with(start) => return Ok(message),
                Some(_other) => {}
                None if self.closed.get() => bail!("closed before {start:?}"),
                None if Instant::now() >= deadline => bail!("no {start:?} within {patience:?}"),
                None => self.read()?,
            }
        }
    }

    /// Whether edge closes the connection within `patience`.
    pub fn is_closed_within(&self, patience: Duration) -> Result<bool> {
        let deadline = Instant::now() + patience;
        while !self.closed.get() && Instant::now() < deadline {
            self.read()?;
        }
        Ok(self.closed.get())
    }

    fn message(&self) -> Option<String> {
        let mut received = self.received.borrow_mut();
        let head = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&received[..head]).into_owned();
        let body: usize = header(&text, "Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
        (received.len() >= head + body)
            .then(|| String::from_utf8_lossy(&received.drain(..head + body).collect::<Vec<_>>()).into_owned())
    }

    fn read(&self) -> Result<()> {
        let mut buffer = [0; 4096];
        match (&self.stream).read(&mut buffer) {
            Ok(0) => self.closed.set(true),
            Ok(length) => self.received.borrow_mut().extend(&buffer[..length]),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.closed.set(true),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Connects from `address`, which the namespace has: the standard library cannot bind before it connects.
fn connect(address: Ipv4Addr, edge: SocketAddrV4) -> io::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddrV4::new(address, 0).into())?;
        socket.connect(edge.into()).await
    })?;
    stream.into_std()
}

/// The 200 that `request` deserves from `side`; an INVITE's with an answer for media at `port`.
pub fn accepted(request: &str, side: Side, port: u16) -> Result<String> {
    let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let value = header(request, name).with_context(|| format!("the request has no {name}"))?;
        let tag = if name == "To" && !value.contains(";tag=") { ";tag=stream" } else { "" };
        answer.push_str(&format!("{name}: {value}{tag}\r\n"));
    }
    let address = side.peer_address();
    let mut body = String::new();
    if request.starts_with("INVITE ") {
        answer.push_str(&format!("Contact: <sip:{address}:{SIP_PORT};transport=tcp>\r\n"));
        answer.push_str("Content-Type: application/sdp\r\n");
        body = format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        );
    }
    Ok(format!("{answer}Content-Length: {}\r\n\r\n{body}", body.len()))
}
