//! The configuration that the lab runs edge with: two realms, two trunks, a route each way.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::certificates::{self, Certificates};
use crate::lab::{Family, Lab, Side};
use crate::peers::{Transport, registrar};
use crate::sipp::{SIP_PORT, TLS_PORT};

/// Where edge pins its maps and links, below the lab's bpffs.
pub(super) const PIN_DIRECTORY: &str = "edge";
/// Calls to this prefix go from the carrier to the PBX, which gets what follows ten characters.
const DID_PREFIX: &str = "+4420";
/// Characters that the inbound route takes off.
const DID_STRIP: usize = 10;

/// What a test may change in the lab's configuration.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    trunk_keys: Vec<(Side, String)>,
    realm_keys: Vec<(Side, String)>,
    over_tcp: Vec<Side>,
    over_tls: Vec<Side>,
    registering: Vec<Side>,
    visiting: Vec<Side>,
    over_ipv6: Vec<Side>,
    media_of_both: Vec<Side>,
    more_media: Vec<(Side, IpAddr)>,
    names: Vec<(Side, String)>,
    sections: Vec<String>,
    media_ports: String,
    mode: String,
    diagnostics: bool,
    closed_ports: String,
    drain_grace: String,
    shards: u32,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            trunk_keys: Vec::new(),
            realm_keys: Vec::new(),
            over_tcp: Vec::new(),
            over_tls: Vec::new(),
            registering: Vec::new(),
            visiting: Vec::new(),
            over_ipv6: Vec::new(),
            media_of_both: Vec::new(),
            more_media: Vec::new(),
            names: Vec::new(),
            sections: Vec::new(),
            media_ports: "20000-29999".to_owned(),
            mode: "native".to_owned(),
            diagnostics: false,
            closed_ports: "drop".to_owned(),
            drain_grace: "1s".to_owned(),
            shards: 2,
        }
    }
}

impl EdgeConfig {
    /// Adds a line to a trunk, as `max_calls = 1`.
    pub fn trunk(mut self, side: Side, line: &str) -> Self {
        self.trunk_keys.push((side, line.to_owned()));
        self
    }

    /// Adds a line to a realm, as `reaches = ["inside"]`.
    pub fn realm_key(mut self, side: Side, line: &str) -> Self {
        self.realm_keys.push((side, line.to_owned()));
        self
    }

    /// Writes a trunk's host as a name, and leaves port and transport to DNS.
    pub fn named(mut self, side: Side, name: &str) -> Self {
        self.names.push((side, name.to_owned()));
        self
    }

    /// Registers with a trunk, as the account that [`crate::peers::registrar`] knows.
    pub fn registering(mut self, side: Side, register: &str) -> Self {
        self.registering.push(side);
        self.trunk(side, &format!("username = \"{}\"\nregister = {{ {register} }}", registrar::USER))
    }

    /// Lets a trunk come from anywhere, as the account that [`crate::peers::registrar`] knows; `lines` say more of it.
    pub fn visiting(mut self, side: Side, lines: &str) -> Self {
        self.visiting.push(side);
        self.trunk(side, lines)
    }

    /// Reaches a trunk over TCP. Edge listens for both transports in any case.
    pub fn over_tcp(mut self, side: Side) -> Self {
        self.over_tcp.push(side);
        self
    }

    /// Reaches a trunk over TLS, and knows it by its certificate.
    pub fn over_tls(mut self, side: Side) -> Self {
        self.over_tls.push(side);
        self
    }

    /// Reaches a trunk over this transport.
    pub fn over(self, side: Side, transport: Transport) -> Self {
        match transport {
            Transport::Udp => self,
            Transport::Tcp => self.over_tcp(side),
            Transport::Tls => self.over_tls(side),
        }
    }

    /// Whether edge needs certificates.
    pub fn wants_certificates(&self) -> bool {
        !self.over_tls.is_empty()
    }

    /// Gives a realm no addresses but IPv6 ones, and its trunk too.
    pub fn over_ipv6(mut self, side: Side) -> Self {
        self.over_ipv6.push(side);
        self
    }

    /// Gives a realm media addresses of both families; it listens in one as before.
    pub fn media_of_both(mut self, side: Side) -> Self {
        self.media_of_both.push(side);
        self
    }

    /// Gives a realm one more media address, which has to be there.
    pub fn more_media(mut self, side: Side, address: impl Into<IpAddr>) -> Self {
        self.more_media.push((side, address.into()));
        self
    }

    /// Whether anything here is IPv6.
    pub fn wants_ipv6(&self) -> bool {
        !(self.over_ipv6.is_empty() && self.media_of_both.is_empty())
    }

    /// What `side` speaks here.
    pub fn family(&self, side: Side) -> Family {
        if self.over_ipv6.contains(&side) { Family::V6 } else { Family::V4 }
    }

    /// Adds a section with its lines, as `[timers]\nanswer_max = "3s"`.
    pub fn section(mut self, text: &str) -> Self {
        self.sections.push(text.to_owned());
        self
    }

    /// Takes another port range for media.
    pub fn media_ports(self, range: &str) -> Self {
        Self { media_ports: range.to_owned(), ..self }
    }

    /// Attaches XDP in another mode.
    pub fn mode(self, mode: &str) -> Self {
        Self { mode: mode.to_owned(), ..self }
    }

    /// Has the XDP program log whose media it drops.
    pub fn diagnostics(self) -> Self {
        Self { diagnostics: true, ..self }
    }

    /// Says what becomes of packets to media ports without a call.
    pub fn closed_ports(self, closed_ports: &str) -> Self {
        Self { closed_ports: closed_ports.to_owned(), ..self }
    }

    /// Lets calls go on for this long after SIGTERM.
    pub fn drain_grace(self, grace: &str) -> Self {
        Self { drain_grace: grace.to_owned(), ..self }
    }

    /// Takes another number of signalling threads; each has its own part of the media ports.
    pub fn shards(self, shards: u32) -> Self {
        Self { shards, ..self }
    }

    /// The file as edge reads it.
    pub fn toml(&self, lab: &Lab) -> String {
        let mut text = self.head(lab);
        for section in &self.sections {
            let _ = writeln!(text, "{section}\n");
        }
        for side in Side::BOTH {
            text.push_str(&self.realm(side, lab));
        }
        for side in Side::BOTH {
            text.push_str(&self.trunk_section(side, lab));
        }
        text.push_str(&routes());
        text
    }

    fn head(&self, lab: &Lab) -> String {
        let directory = lab.directory().display();
        let (pins, mode) = (lab.bpffs().join(PIN_DIRECTORY).display().to_string(), &self.mode);
        let (diagnostics, closed) = (self.diagnostics, &self.closed_ports);
        let (grace, shards) = (&self.drain_grace, self.shards);
        format!(
            "[node]\nname = \"lab\"\nstate_dir = \"{directory}/state\"\nrun_dir = \"{directory}/run\"\n\
             drain_grace = \"{grace}\"\nshards = {shards}\n\n\
             [xdp]\nmode = \"{mode}\"\nflows_max = 65536\npin_dir = \"{pins}\"\ndiagnostics = {diagnostics}\nclosed_ports = \"{closed}\"\n\n\
             [cdr]\nsinks = [\"jsonl\"]\npath = \"{directory}/cdr\"\n\n"
        )
    }

    fn realm(&self, side: Side, lab: &Lab) -> String {
        let (name, address, ports) = (side.edge_device(), side.edge(self.family(side)), &self.media_ports);
        let on = |port| SocketAddr::new(address, port);
        let (listener, files) = if self.over_tls.contains(&side) {
            let (listener, certificates) = (format!(", \"tls:{}\"", on(TLS_PORT)), Certificates::of(lab));
            let ([certificate, key], authority) = (certificates.of_holder("edge"), certificates.authority());
            let files = format!(
                "tls = {{ certificate = {certificate:?}, private_key = {key:?}, client_ca = {authority:?} }}\n"
            );
            (listener, files)
        } else {
            (String::new(), String::new())
        };
        let sip = on(SIP_PORT);
        let mut media = if self.media_of_both.contains(&side) {
            [Family::V4, Family::V6].map(|family| side.edge(family)).to_vec()
        } else {
            vec![address]
        };
        media.extend(self.more_media.iter().filter(|(of, _)| *of == side).map(|(_, address)| *address));
        let media: Vec<String> = media.iter().map(|address| format!("\"{address}\"")).collect();
        let media = media.join(", ");
        let own = self.realm_keys.iter().filter(|(of, _)| *of == side);
        let files = own.fold(files, |keys, (_, line)| format!("{keys}{line}\n"));
        format!(
            "[[realm]]\nname = \"{name}\"\ndevice = \"{name}\"\nsip = [\"udp:{sip}\", \
             \"tcp:{sip}\"{listener}]\nmedia = [{media}]\nmedia_ports = \"{ports}\"\n{files}\n"
        )
    }

    fn trunk_section(&self, side: Side, lab: &Lab) -> String {
        let (name, realm, peer) = (side.name(), side.edge_device(), side.peer(self.family(side)));
        let transport = if self.over_tcp.contains(&side) { "tcp" } else { "udp" };
        let named = self.names.iter().find(|(of, _)| *of == side).map(|(_, name)| name);
        let host = named.cloned().unwrap_or_else(|| peer.to_string());
        let mut text = format!("[[trunk]]\nname = \"{name}\"\nrealm = \"{realm}\"\n");
        if !self.visiting.contains(&side) {
            let _ = writeln!(text, "host = \"{host}\"");
        }
        if self.visiting.contains(&side) {
            let (user, file) = (registrar::USER, registrar::password_file(lab));
            let _ = writeln!(text, "auth = \"digest\"\nusername = \"{user}\"\npassword_file = {file:?}");
        } else if self.registering.contains(&side) {
            let file = registrar::password_file(lab);
            let _ = writeln!(text, "port = {SIP_PORT}\ntransport = \"{transport}\"\nauth = \"register\"");
            let _ = writeln!(text, "password_file = {file:?}");
        } else if named.is_some() {
            text.push_str("auth = \"ip\"\n");
        } else if self.over_tls.contains(&side) {
            let domain = certificates::domain(side);
            let _ = writeln!(text, "port = {TLS_PORT}\ntransport = \"tls\"\nauth = \"tls\"");
            let _ = writeln!(text, "tls = {{ names = [\"{domain}\"] }}");
        } else {
            let _ = writeln!(text, "port = {SIP_PORT}\ntransport = \"{transport}\"\nauth = \"ip\"");
            let _ = writeln!(text, "sources = [\"{peer}\"]");
        }
        for (_, line) in self.trunk_keys.iter().filter(|(of, _)| *of == side) {
            let _ = writeln!(text, "{line}");
        }
        text.push('\n');
        text
    }
}

fn routes() -> String {
    let (carrier, pbx) = (Side::Carrier.name(), Side::Pbx.name());
    format!(
        "[[route]]\nname = \"did\"\nfrom = [\"{carrier}\"]\nto = {{ prefix = \"{DID_PREFIX}\" }}\n\
         rewrite_to = {{ strip = {DID_STRIP}, prepend = \"\" }}\ntargets = [{{ trunk = \"{pbx}\" }}]\n\n\
         [[route]]\nname = \"outbound\"\nfrom = [\"{pbx}\"]\nto = {{ prefix = \"+\" }}\n\
         targets = [{{ trunk = \"{carrier}\" }}]\n"
    )
}
