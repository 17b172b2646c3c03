//! A configuration against the host it would run on.

use std::net::IpAddr;

use edge_core::policy::{PortRange, Realm};

use super::{EphemeralPorts, Facts, Link};
use crate::config::Config;

/// Why this host cannot run a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A device that is not there.
    #[error("realm {realm}: this host has no device {device}; it has {present}")]
    DeviceMissing {
        /// The realm.
        realm: String,
        /// Its device.
        device: String,
        /// The devices that are there.
        present: String,
    },
    /// An address that is not on its realm's device.
    #[error("realm {realm}: {address} (`{key}`) is not an address of {device}{}", instead(*address, device, holder.as_deref()))]
    AddressMissing {
        /// The realm.
        realm: String,
        /// The address.
        address: IpAddr,
        /// The key that has it.
        key: &'static str,
        /// The realm's device.
        device: String,
        /// The device that has the address, if one has.
        holder: Option<String>,
    },
    /// Media ports that an outgoing connection could take.
    #[error(
        "realm {realm}: media ports {ports} meet this host's ephemeral ports {}-{}, so that any outgoing socket could \
         take one; `sysctl -w net.ipv4.ip_local_reserved_ports={reserve}`, or choose other ports",
        ephemeral.0, ephemeral.1
    )]
    EphemeralPorts {
        /// The realm.
        realm: String,
        /// Its media ports.
        ports: PortRange,
        /// The host's range.
        ephemeral: (u16, u16),
        /// The value of the sysctl that would keep them apart.
        reserve: String,
    },
}

fn instead(address: IpAddr, device: &str, holder: Option<&str>) -> String {
    holder.map_or_else(
        || format!("; `ip address add {address}/PREFIX dev {device}`, or correct the realm"),
        |holder| format!(", but of {holder}; correct `device` or the address"),
    )
}

/// Everything that would keep this host from running `config`; nothing means that it can.
///
/// # Errors
/// As [`Facts::probe`].
pub fn check(config: &Config) -> std::io::Result<Vec<Problem>> {
    Ok(compare(config, &Facts::probe()?))
}

/// [`check`] against facts that are known already.
#[must_use]
pub fn compare(config: &Config, facts: &Facts) -> Vec<Problem> {
    let realms = &config.policy.realms;
    let devices = realms.iter().flat_map(|realm| device(realm, &facts.links));
    devices.chain(ports(realms, &facts.ports)).collect()
}

fn device(realm: &Realm, links: &[Link]) -> Vec<Problem> {
    let Some(link) = links.iter().find(|link| link.name == realm.device) else {
        let present = links.iter().map(|link| link.name.as_str()).collect::<Vec<_>>().join(", ");
        return vec![Problem::DeviceMissing {
            realm: realm.name.clone(),
            device: realm.device.clone(),
            present,
        }];
    };
    let sip = realm.sip.iter().map(|listener| (listener.address.ip(), "sip"));
    let media = realm.media.iter().map(|range| (range.address, "media"));
    let mut known = link.addresses.clone();
    // Each address is complained of once, although `sip` and `media` often share it.
    let missing = |(address, _): &(IpAddr, &str)| {
        let missing = !known.contains(address);
        known.push(*address);
        missing
    };
    let problem = |(address, key)| Problem::AddressMissing {
        realm: realm.name.clone(),
        address,
        key,
        device: realm.device.clone(),
        holder: links.iter().find(|link| link.addresses.contains(&address)).map(|link| link.name.clone()),
    };
    sip.chain(media).filter(missing).map(problem).collect()
}

/// All ranges of a realm have the same ports, so the first speaks for them.
fn ports(realms: &[Realm], ephemeral: &EphemeralPorts) -> Vec<Problem> {
    let media = realms.iter().filter_map(|realm| Some((realm, realm.media.first()?.ports)));
    let meeting: Vec<_> = media.filter(|(_, ports)| ephemeral.meet(*ports)).collect();
    let reserve = ephemeral.reserving(meeting.iter().map(|(_, ports)| *ports));
    let problem = |(realm, ports): (&Realm, PortRange)| Problem::EphemeralPorts {
        realm: realm.name.clone(),
        ports,
        ephemeral: ephemeral.range,
        reserve: reserve.clone(),
    };
    meeting.into_iter().map(problem).collect()
}
