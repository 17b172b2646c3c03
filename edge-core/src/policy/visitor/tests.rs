use std::net::Ipv4Addr;

use super::*;
use crate::digest::Secret;
use crate::policy::{CallTimers, Host, Listener, Realm, Strangers, Transport};

fn visiting(name: &str, hashes: &[Hash], sources: &[&str]) -> Trunk {
    let login = Login::new(name, Secret::new(b"zanzibar".to_vec()));
    let login = Login { algorithms: Algorithms::only(hashes), ..login };
    Trunk {
        auth: Auth::Digest,
        targets: Arc::default(),
        sources: sources.iter().map(|net| net.parse().unwrap()).collect(),
        visitor: Visitor::default().called(Arc::new(login)),
        ..Trunk::new(name, RealmId::new(0), "192.0.2.10:5060".parse().unwrap())
    }
}

fn policy(trunks: Vec<Trunk>) -> Policy {
    let sip = [(Transport::Udp, "192.0.2.1:5060"), (Transport::Tls, "192.0.2.1:5061")];
    let sip = sip.map(|(transport, at)| Listener { transport, address: at.parse().unwrap() }).to_vec();
    let realm = Realm {
        name: "outside".to_owned(),
        device: "eth0".to_owned(),
        sip,
        media: Vec::new(),
        reaches: Default::default(),
        advertised: crate::policy::Advertised::default(),
    };
    let timers = CallTimers::default();
    Policy::new("edge-1".to_owned(), vec![realm], trunks, Vec::new(), Strangers::Silent, timers).unwrap()
}

const REALM: fn() -> RealmId = || RealmId::new(0);

fn at(last: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + last))
}

#[test]
fn a_door_offers_what_any_of_its_trunks_may_use_and_opens_to_where_they_come_from() {
    let near = policy(vec![
        visiting("a", &[Hash::Md5], &["10.0.0.0/30"]),
        visiting("b", &[Hash::Sha256], &["10.0.0.8/30"]),
    ]);
    assert!(near.door(REALM(), at(4)).is_none() && near.door(RealmId::new(1), at(1)).is_none());
    let door = near.door(REALM(), at(9)).unwrap();
    assert_eq!(door.algorithms, Algorithms::only(&[Hash::Md5, Hash::Sha256]));
    assert_eq!((door.realm.as_str(), door.named(b"b")), ("edge-1", Some(TrunkId::new(1))));
    assert_eq!(door.named(b"c"), None);
    let anywhere = policy(vec![visiting("a", &[], &["10.0.0.0/30"]), visiting("b", &[], &[])]);
    assert!(anywhere.door(REALM(), at(4)).is_some());
    assert!(!near.trusted().any(|(_, net)| net.contains(&at(1))), "a place proves nothing");
}

#[test]
fn the_shield_is_told_where_visitors_may_come_from_and_over_what() {
    let said = |trunks| {
        let policy = policy(trunks);
        let over = [Transport::Udp, Transport::Tls].map(|over| policy.takes_passwords_over(REALM(), over));
        (policy.visited().map(|(_, net)| net.to_string()).collect::<Vec<_>>(), over)
    };
    let near = |name| visiting(name, &[], &["10.0.0.0/30"]);
    assert_eq!(said(vec![near("a")]), (vec!["10.0.0.0/30".to_owned()], [true; 2]));
    let anywhere = ["0.0.0.0/0", "::/0"].map(str::to_owned).to_vec();
    assert_eq!(said(vec![near("a"), visiting("b", &[], &[])]), (anywhere, [true; 2]));
    assert_eq!(said(vec![Trunk { former: true, ..near("a") }]), (Vec::new(), [false; 2]));
    let nobody = Trunk { visitor: Visitor::default(), ..near("a") };
    assert_eq!(said(vec![nobody]), (Vec::new(), [false; 2]), "nobody knows its password");
    let host = Host::Address { address: "192.0.2.10:5061".parse().unwrap(), transport: Transport::Tls };
    let encrypted = Trunk { host, ..near("a") };
    assert_eq!(said(vec![encrypted]), (vec!["10.0.0.0/30".to_owned()], [false, true]));
}

#[test]
fn where_a_visitor_is_called_is_trusted_because_its_answers_come_from_there() {
    let trunk = visiting("a", &Hash::ALL, &[]);
    let host = IpNet::from(trunk.host.address().unwrap().ip());
    let called = Trunk { targets: Arc::new(trunk.host.known()), ..trunk.clone() };
    assert!(policy(vec![called]).trusted().any(|(realm, net)| (realm, net) == (REALM(), host)));
    assert_eq!(policy(vec![trunk]).trusted().count(), 0, "one that only calls");
}

#[test]
fn guests_are_trusted_for_their_time_and_bounded() {
    let policy = policy(vec![visiting("a", &Hash::ALL, &[])]);
    let trunk = Arc::clone(&policy.trunks[0]);
    assert!(policy.welcome(&trunk, at(1), Duration::from_secs(10)));
    assert!(!policy.welcome(&trunk, at(1), Duration::from_secs(5)), "it is one already");
    assert_eq!(policy.guest(REALM(), at(1)), Some(TrunkId::new(0)));
    assert!(policy.trusted().any(|(realm, net)| (realm, net) == (REALM(), IpNet::from(at(1)))));
    let before = policy.guests_changed();
    policy.expire_guests(Duration::from_secs(9));
    assert_eq!((policy.guests_changed(), policy.guests().len()), (before, 1));
    policy.expire_guests(Duration::from_secs(10));
    assert_eq!((policy.guests().len(), policy.guest(REALM(), at(1))), (0, None));
    assert_ne!(policy.guests_changed(), before);
    for host in 0..GUESTS_MAX as u32 + 10 {
        policy.welcome(&trunk, at(host), Duration::from_secs(u64::from(host)));
    }
    assert_eq!((policy.guests().len(), policy.guest(REALM(), at(3))), (GUESTS_MAX, None));
}

#[test]
fn a_reload_keeps_guests_proofs_and_the_key_of_trunks_that_stay() {
    let mut before = policy(vec![visiting("a", &Hash::ALL, &[]), visiting("b", &Hash::ALL, &[])]);
    before.sign_with(NonceKey::new([7; 32]));
    before.welcome(&before.trunks[0], at(1), Duration::from_secs(10));
    before.welcome(&before.trunks[1], at(2), Duration::from_secs(10));
    let nonce = Issued::first_at(1);
    before.trunks[1].visitor.take(nonce, 1, Issued::first_at(0)).unwrap();
    let mut after = policy(vec![visiting("b", &Hash::ALL, &[])]);
    after.take_over(&before);
    assert!(after.nonce_key().is_some());
    assert_eq!((after.guest(REALM(), at(1)), after.guest(REALM(), at(2))), (None, Some(TrunkId::new(0))));
    assert_eq!(after.trunks[0].visitor.take(nonce, 1, Issued::first_at(0)), Err(Replayed));
    assert!(after.trunks[0].visitor.take(nonce, 2, Issued::first_at(0)).is_ok());
}
