//! `[[realm]]`: a network, its SIP listeners and its media ports.

use edge_core::policy::{self, Advertised, MediaRange, PortRange, Realm, RealmId};

use super::address::{HostAddress, Listener};
use super::advertise;
use super::direct::reached;
use super::document::{At, Section};
use super::names::Names;
use super::tls::{self, RealmTls};
use super::value::DeviceName;

/// A realm whose values are right each for itself; `line`s serve the comparison with other realms.
#[derive(Debug)]
pub(super) struct RealmDraft<'a> {
    pub(super) section: Section<'a>,
    pub(super) name: String,
    device: String,
    pub(super) sip: Vec<At<policy::Listener>>,
    pub(super) media: Vec<At<MediaRange>>,
    reaches: Vec<RealmId>,
    pub(super) advertised: Advertised,
    pub(super) tls: Option<RealmTls>,
}

impl<'a> RealmDraft<'a> {
    /// Reads one realm; `None` when something was noted.
    pub(super) fn read(section: Section<'a>, name: String, realms: &Names) -> Option<Self> {
        let device = section.require::<DeviceName>("device", "device = \"eth0\", the device of this network");
        let sip = section.require_list::<Listener>(
            "sip",
            "sip = [\"udp:ADDRESS:5060\"]",
            "write at least one, such as \"udp:203.0.113.10:5060\"",
        );
        let media = section.require_list::<HostAddress>(
            "media",
            "media = [\"ADDRESS\"]",
            "write at least one address of this host",
        );
        let ports = section.require::<PortRange>("media_ports", "media_ports = \"20000-29999\"");
        let reaches = reached(&section, &name, realms);
        let tls = tls::of_realm(&section);
        let (device, ports) = (device?.value.0, ports?.value);
        let sip = sip?.into_iter().map(|At { value: Listener(value), line }| At { value, line }).collect();
        let range =
            |At { value: HostAddress(address), line }| At { value: MediaRange { address, ports }, line };
        let media = media?.into_iter().map(range).collect();
        let advertised = Advertised::default();
        let mut draft = Self { section, name, device, sip, media, reaches, advertised, tls };
        draft.advertised = advertise::of_realm(&draft);
        tls::check_realm(&draft);
        Some(draft)
    }

    /// The realm and its files, when all of the file was right.
    pub(super) fn finish(self) -> (Realm, Option<RealmTls>) {
        let Self { section: _, name, device, sip, media, reaches, advertised, tls } = self;
        let realm = Realm {
            name,
            device,
            sip: sip.into_iter().map(|listener| listener.value).collect(),
            media: media.into_iter().map(|range| range.value).collect(),
            reaches,
            advertised,
        };
        (realm, tls)
    }
}
