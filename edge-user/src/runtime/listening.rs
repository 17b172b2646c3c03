//! Opens the sockets of all listeners, each bound to the device of its realm.

use std::collections::HashMap;
use std::net::{TcpListener, UdpSocket};

use anyhow::Context;
use edge_core::policy::{ListenerId, Policy, RealmId, Transport};

use super::udp;

/// The sockets of all listeners.
pub(super) struct Listening {
    pub(super) datagrams: HashMap<ListenerId, UdpSocket>,
    pub(super) connections: Vec<(ListenerId, TcpListener)>,
}

/// Opens them.
///
/// # Errors
/// Names the realm and the address that cannot be used.
pub(super) fn listen(policy: &Policy) -> anyhow::Result<Listening> {
    let mut listening = Listening { datagrams: HashMap::new(), connections: Vec::new() };
    for (realm_index, realm) in policy.realms.iter().enumerate() {
        for (id, listener) in realm.listeners(RealmId::new(realm_index)).zip(&realm.sip) {
            let unusable = || format!("realm {}: sip address {listener} cannot be used", realm.name);
            match listener.transport {
                Transport::Udp => {
                    let socket = udp::listen(listener.address, &realm.device).with_context(unusable)?;
                    listening.datagrams.insert(id, socket);
                }
                Transport::Tcp | Transport::Tls => {
                    let socket = TcpListener::bind(listener.address).with_context(unusable)?;
                    udp::bind_to_device(&socket, &realm.device).with_context(unusable)?;
                    listening.connections.push((id, socket));
                }
            }
            tracing::info!(realm = realm.name, %listener, "listening for SIP");
        }
    }
    Ok(listening)
}
