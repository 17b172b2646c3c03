//! What is decided, without a kernel.

use std::net::SocketAddr;

use edge_core::policy::{
    CallTimers, Listener, MediaRange, PortRange, Realm, RealmId, Strangers, Transport, Trunk,
};

use super::*;

const STRANGER: &str = "203.0.113.7";

fn policy() -> Policy {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let media =
        MediaRange { address: "192.0.2.1".parse().unwrap(), ports: PortRange::new(20_000, 20_001).unwrap() };
    let realm = Realm {
        name: "outside".to_owned(),
        device: "eth0".to_owned(),
        sip: vec![Listener { transport: Transport::Udp, address: address("192.0.2.1:5060") }],
        media: vec![media],
        reaches: Vec::new(),
        advertised: edge_core::policy::Advertised::default(),
    };
    let mut trunk = Trunk::new("carrier", RealmId::new(0), address("198.51.100.10:5060"));
    trunk.sources = vec!["198.51.100.64/28".parse().unwrap()];
    Policy::new("edge".to_owned(), vec![realm], vec![trunk], vec![], Strangers::Silent, CallTimers::default())
        .unwrap()
}

fn standing(shield: &Shield, address: &str) -> Earned {
    shield.show().1.of(host(address.parse().unwrap()))
}

fn offend(shield: &Shield, offence: Offence, times: u32) {
    for _ in 0..times {
        shield.offended(STRANGER.parse().unwrap(), offence);
    }
}

#[test]
fn whoever_keeps_asking_is_banned_by_what_it_showed_of_itself() {
    let shield = Shield::without_kernel(&policy());
    offend(&shield, Offence::Datagram, 99);
    assert_eq!(standing(&shield, STRANGER), Earned::default());
    offend(&shield, Offence::Datagram, 1);
    let earned = standing(&shield, STRANGER);
    assert!(earned.datagrams_banned_until.is_some() && earned.banned_until.is_none(), "{earned:?}");
    offend(&shield, Offence::Handshake, 20);
    assert!(standing(&shield, STRANGER).banned_until.is_some());
    assert_eq!(shield.tally(), Tally { bans: 2, ..Tally::default() });
}

#[test]
fn the_familiar_lose_their_name_first() {
    let shield = Shield::without_kernel(&policy());
    shield.befriend(STRANGER.parse().unwrap());
    assert!(standing(&shield, STRANGER).familiar_until.is_some());
    offend(&shield, Offence::Handshake, 20);
    assert_eq!(standing(&shield, STRANGER), Earned::default());
    offend(&shield, Offence::Handshake, 20);
    assert!(standing(&shield, STRANGER).banned_until.is_some());
    shield.befriend(STRANGER.parse().unwrap());
    assert!(
        standing(&shield, STRANGER).banned_until.is_none(),
        "who proves to be a trunk is no longer banned"
    );
    assert_eq!(shield.tally(), Tally { bans: 1, demotions: 1, promotions: 2 });
}

#[test]
fn nobody_is_banned_where_that_is_not_wanted() {
    let mut policy = policy();
    for unwanted in [
        ShieldPolicy { ban_after: 0, ..ShieldPolicy::default() },
        ShieldPolicy { mode: ShieldMode::Off, ..ShieldPolicy::default() },
    ] {
        policy.shield = unwanted;
        let shield = Shield::without_kernel(&policy);
        offend(&shield, Offence::Handshake, 1_000);
        assert_eq!(standing(&shield, STRANGER), Earned::default());
    }
}

#[test]
fn a_trunk_is_not_denied_by_mistake_but_a_part_of_its_network_may_be() {
    let (shield, policy) = (Shield::without_kernel(&policy()), policy());
    let deny = |net: &str| shield.list(net.parse().unwrap(), Decision::Deny, None, &policy);
    for net in ["0.0.0.0/0", "198.51.100.10/32", "198.51.100.64/28", "198.51.0.0/16"] {
        assert!(matches!(deny(net), Err(ListError::Trunk { .. })), "{net}");
    }
    assert!(shield.show().1.listed.is_empty());
    deny("198.51.100.70/32").unwrap();
    deny("198.51.100.128/25").unwrap();
    assert_eq!(shield.show().1.listed.len(), 2);
}

#[test]
fn what_is_forgotten_is_neither_listed_nor_banned() {
    let (shield, policy) = (Shield::without_kernel(&policy()), policy());
    let net: IpNet = "203.0.113.0/24".parse().unwrap();
    shield.list(net, Decision::Deny, Some(Duration::from_secs(60)), &policy).unwrap();
    offend(&shield, Offence::Handshake, 20);
    assert!(shield.forget(net).unwrap());
    let (_, access_list) = shield.show();
    assert!(access_list.listed.is_empty() && access_list.hosts.is_empty(), "{access_list:?}");
    assert!(!shield.forget(net).unwrap(), "there was nothing left");
}

#[test]
fn a_roll_outlives_the_process_and_a_broken_one_is_put_aside() {
    let directory = std::env::temp_dir().join(format!("edge-shield-{}", std::process::id()));
    let store = Store::of(&directory, "edge-1", "shield.json", LOST);
    assert_eq!(store.read(), AccessList::default());
    let mut access_list = AccessList::default();
    access_list
        .list("203.0.113.0/24".parse().unwrap(), Listing { decision: Decision::Deny, until: None })
        .unwrap();
    store.write(&access_list).unwrap();
    assert_eq!(store.read(), access_list);
    std::fs::write(directory.join("edge-1/shield.json"), "{").unwrap();
    assert_eq!(store.read(), AccessList::default());
    assert!(directory.join("edge-1/shield.json.unread").exists());
    std::fs::remove_dir_all(directory).unwrap();
}
