//! What a peer describes: its m= lines, as RFC 3264 wants them kept.

use std::net::SocketAddr;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Speech,
    Fax,
}

/// The m= lines of a peer's dialog, and which of them are in use: one at a time, all at the same port.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    lines: Vec<(Kind, bool)>,
}

impl Default for Session {
    fn default() -> Self {
        Self { lines: vec![(Kind::Speech, true)] }
    }
}

impl Session {
    /// Fax instead of speech: on the line of the speech, or on one of its own.
    pub(crate) fn fax(&mut self, own_line: bool) {
        self.stop();
        match self.lines.iter_mut().find(|(kind, _)| *kind == Kind::Fax || !own_line) {
            Some(line) => *line = (Kind::Fax, true),
            None => self.lines.push((Kind::Fax, true)),
        }
    }

    /// Speech again, on the first line.
    pub(crate) fn speak(&mut self) {
        self.stop();
        self.lines[0] = (Kind::Speech, true);
    }

    /// Takes the lines of an offer, and all that it offers. Whether it wants fax.
    pub(crate) fn take(&mut self, offer: &str) -> bool {
        let media = offer.lines().filter_map(|line| line.strip_prefix("m="));
        let line = |media: &str| {
            let kind = if media.starts_with("image") { Kind::Fax } else { Kind::Speech };
            (kind, media.split(' ').nth(1) != Some("0"))
        };
        let lines: Vec<_> = media.map(line).collect();
        if !lines.is_empty() {
            self.lines = lines;
        }
        self.lines.contains(&(Kind::Fax, true))
    }

    pub(crate) fn describe(&self, media: SocketAddr, direction: &str) -> String {
        let ip = media.ip();
        let line = |(kind, live): &(Kind, bool)| {
            let port = if *live { media.port() } else { 0 };
            match kind {
                Kind::Speech => format!("m=audio {port} RTP/AVP 8 0\r\na={direction}\r\n"),
                Kind::Fax => format!("m=image {port} udptl t38\r\na=T38FaxVersion:0\r\n"),
            }
        };
        let lines: String = self.lines.iter().map(line).collect();
        format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n{lines}")
    }

    fn stop(&mut self) {
        for (_, live) in &mut self.lines {
            *live = false;
        }
    }
}

/// Where the description in a message wants media.
pub(crate) fn destination(message: &str) -> Option<SocketAddr> {
    let ip = message.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?.parse().ok()?;
    let ports = message.lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').nth(1)?.parse().ok());
    ports.filter(|port| *port != 0).map(|port| SocketAddr::new(ip, port)).next()
}
