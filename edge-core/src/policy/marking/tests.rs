use super::*;
use crate::policy::{CallTimers, Listener, ListenerId, Strangers, Transport, Trunk};

fn path(realm: usize, peer: &str) -> Path {
    let listener = ListenerId { realm: RealmId::new(realm), index: 0, transport: Transport::Udp };
    Path { listener, peer: peer.parse().unwrap(), proven: None }
}

fn marking(marked: [Option<u8>; 2]) -> Marking {
    let trunk = |name: &str, address: &str, dscp: Option<u8>| Trunk {
        sip_dscp: dscp.and_then(Dscp::new),
        sources: vec!["192.0.2.0/24".parse().unwrap()],
        ..Trunk::new(name, RealmId::new(0), address.parse().unwrap())
    };
    let trunks = vec![trunk("a", "192.0.2.1:5060", marked[0]), trunk("b", "198.51.100.1:5060", marked[1])];
    let realm = crate::policy::Realm {
        name: "outside".to_owned(),
        device: "eth0".to_owned(),
        sip: vec![Listener { transport: Transport::Udp, address: "192.0.2.250:5060".parse().unwrap() }],
        media: Vec::new(),
        reaches: Vec::new(),
        advertised: crate::policy::Advertised::default(),
    };
    let policy =
        Policy::new("n".to_owned(), vec![realm], trunks, vec![], Strangers::Silent, CallTimers::default());
    Marking::of(&Arc::new(policy.unwrap()))
}

#[test]
fn a_message_is_marked_as_the_trunk_wants_that_is_there() {
    let number = |marking: &Marking, peer| marking.towards(path(0, peer)).map(Dscp::number);
    let both = marking([Some(24), Some(40)]);
    for (peer, dscp) in [
        ("192.0.2.1:5060", Some(24)),
        ("192.0.2.1:40000", Some(24)),
        ("192.0.2.77:5060", Some(24)),
        ("198.51.100.1:5060", Some(40)),
        ("203.0.113.1:5060", None),
    ] {
        assert_eq!(number(&both, peer), dscp, "{peer}");
    }
    assert_eq!(both.towards(path(1, "192.0.2.1:5060")), None, "another network's");
    let one = marking([None, Some(40)]);
    assert_eq!((number(&one, "192.0.2.1:5060"), number(&one, "198.51.100.1:5060")), (None, Some(40)));
    let none = marking([None, None]);
    assert!(none.policy.is_none() && number(&none, "192.0.2.1:5060").is_none());
}
