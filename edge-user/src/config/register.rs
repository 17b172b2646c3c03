//! `auth = "register"` and what goes with it: how we register with a trunk that knows us by that.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use edge_core::policy::{Auth, Host, IdentityPolicy, Register, Retry, Transport, is_host_name};
use edge_core::sip::escape_user;
use toml::de::DeValue;

use super::document::{At, FromToml, Section};
use super::fault::Fault;
use super::keys;
use super::login::TrunkLogin;
use super::node::{Bounds, duration};
use super::value::form;

/// What is asked for when the file says nothing: as phones do.
const EXPIRES: Duration = Duration::from_secs(3600);

/// What can be wrong with a registration in a file.
#[derive(Debug, thiserror::Error)]
pub enum RegisterFault {
    /// Nobody to register as.
    #[error("is \"register\", but there is no `username`: write who we register as, and its password_file")]
    Nameless,
    /// Something for a registration that is not wanted.
    #[error("is there, but only a trunk with auth = \"register\" has it; remove the key")]
    NotRegistering,
    /// Sources of a trunk that is not known by them.
    #[error(
        "is there, but with auth = \"register\" calls come from where we register, for the Contact that we have registered; \
         remove the key"
    )]
    Sources,
}

/// Keys that only a registration has.
const ITS_KEYS: [&str; 2] = ["outbound_proxy", "register"];

/// Where requests to the trunk are sent: its outbound proxy, where it has one, else its host.
pub(super) fn next_hop(section: &Section<'_>, host: Option<&At<Host>>) -> Option<At<Host>> {
    let host = host?;
    let Some(At { value: Proxy { host: proxy, port }, line }) = section.get("outbound_proxy") else {
        return Some(At { value: host.value.clone(), line: host.line });
    };
    let transport = section.get::<Transport>("transport").map(|transport| transport.value);
    let value = match proxy {
        Ok(address) => {
            let transport = transport.unwrap_or_default();
            let port = port.unwrap_or(transport.usual_port());
            Host::Address { address: SocketAddr::new(address, port), transport }
        }
        Err(name) => Host::Name { name, port, transport },
    };
    Some(At { value, line })
}

/// How we register with a trunk that wants it. What is wrong with it is noted.
pub(super) fn read(
    section: &Section<'_>,
    auth: &At<Auth>,
    host: Option<&At<Host>>,
    login: Option<&TrunkLogin>,
    identity: &IdentityPolicy,
) -> Option<Register> {
    if auth.value != Auth::Registration {
        for key in ITS_KEYS.into_iter().filter(|key| section.has(key)) {
            section.note(section.line_of(key), key, RegisterFault::NotRegistering.into());
        }
        return None;
    }
    if section.has("sources") {
        section.note(section.line_of("sources"), "sources", RegisterFault::Sources.into());
    }
    if !section.has("username") {
        section.note(auth.line, "auth", RegisterFault::Nameless.into());
    }
    login?;
    let options = section.section("register", keys::TRUNK_REGISTER);
    let user: At<&str> = section.get("username")?;
    let host = &host?.value;
    Some(Register {
        user: escape_user(user.value),
        domain: domain(host),
        server: host.to_string(),
        through_proxy: section.has("outbound_proxy"),
        number: identity.own.as_ref().map(|own| own.number.as_str().to_owned()),
        expires: expires(&options),
        bulk: options.get("gin").is_some_and(|gin| gin.value),
        retry: retry(&options),
        token: String::new(),
    })
}

/// The host alone, as a URI has it.
fn domain(host: &Host) -> String {
    match host {
        Host::Name { name, .. } => name.clone(),
        Host::Visiting => String::new(),
        Host::Address { address, .. } => match address.ip() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        },
    }
}

fn expires(options: &Section<'_>) -> Duration {
    let bounds = Bounds { min: ("60s", Duration::from_secs(60)), max: ("24h", Duration::from_secs(86_400)) };
    duration(options, "expires", EXPIRES, &bounds)
}

fn retry(options: &Section<'_>) -> Retry {
    let Retry { base, max } = Retry::DEFAULT;
    let bounds = Bounds { min: ("1s", Duration::from_secs(1)), max: ("1h", Duration::from_secs(3600)) };
    let base = duration(options, "retry", base, &bounds);
    let max = duration(options, "retry_max", max.max(base), &bounds);
    Retry { base, max }
}

/// `ADDRESS`, `ADDRESS:PORT`, `NAME` or `NAME:PORT`.
#[derive(Debug, Clone)]
struct Proxy {
    host: Result<IpAddr, String>,
    port: Option<u16>,
}

impl<'a> FromToml<'a> for Proxy {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let address = |address: SocketAddr| Self { host: Ok(address.ip()), port: Some(address.port()) };
        let proxy = text.parse().map(address).ok().or_else(|| {
            let (host, port) = match text.rsplit_once(':') {
                Some((host, port)) if text.parse::<IpAddr>().is_err() => (host, Some(port.parse().ok()?)),
                _ => (text, None),
            };
            let name = host.strip_suffix('.').unwrap_or(host);
            let host = match host.parse::<IpAddr>() {
                Ok(address) => Ok(address),
                Err(_name) => Err(is_host_name(name).then(|| name.to_ascii_lowercase())?),
            };
            Some(Self { host, port })
        });
        let usable = |proxy: &Self| {
            proxy.port != Some(0)
                && proxy.host.as_ref().ok().is_none_or(|ip| !ip.is_unspecified() && !ip.is_multicast())
        };
        proxy.filter(usable).ok_or_else(|| {
            form(text, "an address or a name, with a port or without, such as \"203.0.113.99:5061\" or \"proxy.example.net\"")
        })
    }
}
