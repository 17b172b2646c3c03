//! Kamailio as the registrar of a carrier that wants edge to register like a phone, and to prove who it is.

use std::path::PathBuf;

use anyhow::Result;

use super::kamailio::{AGENT_PORT, Kamailio};
use crate::certificates::Certificates;
use crate::lab::{Lab, Side};
use crate::sipp::{SIP_PORT, TLS_PORT};

const CONFIG: &str = include_str!("../../peers/registrar.cfg");

/// Whom the registrar knows.
pub const USER: &str = "acct42";
/// And by what.
pub const PASSWORD: &str = "zanzibar";

/// How a registrar is to challenge.
#[derive(Clone, Copy, Debug)]
pub struct Registrar {
    side: Side,
    algorithm: &'static str,
    expires_s: u32,
    least_s: u32,
    asked: &'static str,
    /// Whose certificate it shows, when it takes TLS too.
    holder: Option<&'static str>,
}

impl Registrar {
    /// A registrar on `side`, with the hash function of this name.
    pub const fn of(side: Side, algorithm: &'static str) -> Self {
        Self { side, algorithm, expires_s: 3600, least_s: 1, asked: "", holder: None }
    }

    /// Grants no more than so many seconds.
    pub const fn grants(self, expires_s: u32) -> Self {
        Self { expires_s, ..self }
    }

    /// Refuses whoever asks for less than so many seconds.
    pub const fn wants(self, least_s: u32) -> Self {
        Self { least_s, ..self }
    }

    /// Its accounts have registered all of their numbers (RFC 6140): they are asked for the number at their Contact.
    pub const fn of_numbers(self) -> Self {
        Self { asked: "$rU = $tU;", ..self }
    }

    /// It takes TLS too, and wants to be called over it, with the certificate in the files of this name.
    pub const fn over_tls(self, holder: &'static str) -> Self {
        Self { holder: Some(holder), ..self }
    }

    /// Starts it and waits until it takes requests.
    pub fn start(self, lab: &Lab) -> Result<Kamailio> {
        let certificates = Certificates::of(lab);
        let [certificate, key] = certificates.of_holder(self.holder.unwrap_or_default());
        let way = self.holder.map_or(SIP_PORT.to_string(), |_| format!("{TLS_PORT};transport=tls"));
        let text = [
            ("features", self.holder.map_or("", |_| "#!define WITH_TLS").to_owned()),
            ("certificate", certificate.display().to_string()),
            ("key", key.display().to_string()),
            ("authority", certificates.authority().display().to_string()),
            ("tls_port", TLS_PORT.to_string()),
            ("way", way),
            ("address", self.side.peer_address().to_string()),
            ("port", SIP_PORT.to_string()),
            ("agent", AGENT_PORT.to_string()),
            ("edge", self.side.edge_address().to_string()),
            ("algorithm", self.algorithm.to_owned()),
            ("expires", self.expires_s.to_string()),
            ("asked", self.asked.to_owned()),
            ("least", self.least_s.to_string()),
            ("realm", "carrier.example".to_owned()),
            ("user", USER.to_owned()),
            ("password", PASSWORD.to_owned()),
        ]
        .iter()
        .fold(CONFIG.to_owned(), |text, (key, value)| text.replace(&format!("[{key}]"), value));
        Kamailio::start_with(lab, self.side, &text)
    }
}

/// Writes a password where edge's configuration says that it is.
pub fn write_password(lab: &Lab, password: &str) -> Result<()> {
    Ok(std::fs::write(password_file(lab), format!("{password}\n"))?)
}

/// Where it is.
pub fn password_file(lab: &Lab) -> PathBuf {
    lab.directory().join("carrier.secret")
}
