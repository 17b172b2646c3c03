use std::sync::Arc;

use edge_core::digest::{Login, Secret};
use edge_core::policy::RealmId;
use edge_core::policy::{
    Auth, CallTimers, CallsTo, Host, Realm, Registrar, Strangers, Targets, Transport, Visitor,
};

use super::*;

fn policy() -> Policy {
    let listener = |transport, port| Listener { transport, address: ([192, 0, 2, 1], port).into() };
    let sip = vec![listener(Transport::Udp, 5060), listener(Transport::Tcp, 5060)];
    let realm = Realm {
        name: "outside".to_owned(),
        device: "eth0".to_owned(),
        sip,
        media: Vec::new(),
        reaches: Vec::new(),
        advertised: edge_core::policy::Advertised::default(),
    };
    let (expires_min, expires_max) = (Duration::from_secs(60), Duration::from_secs(3600));
    let registrar =
        Registrar { user: "pbx".to_owned(), expires_min, expires_max, calls_to: CallsTo::Contact };
    let login = Login::new("pbx", Secret::new(b"zanzibar".to_vec()));
    let visitor = Visitor { registrar: Some(Arc::new(registrar)), ..Visitor::default() };
    let trunk = Trunk {
        auth: Auth::Digest,
        host: Host::Visiting,
        targets: Arc::new(Targets::default()),
        visitor: visitor.called(Arc::new(login)),
        ..Trunk::new("pbx", RealmId::new(0), "192.0.2.9:5060".parse().unwrap())
    };
    let timers = CallTimers::default();
    Policy::new("n".to_owned(), vec![realm], vec![trunk], Vec::new(), Strangers::Silent, timers).unwrap()
}

fn binding(index: u16, transport: Transport, contact: &str, peer: &str) -> Binding {
    Binding {
        contact: contact.to_owned().into(),
        target: Target::new(peer.parse().unwrap(), transport),
        listener: ListenerId { realm: RealmId::new(0), index, transport },
        domain: "sip.example.com".into(),
        routes: vec!["<sip:proxy;lr>".into()],
        q: 500,
        bulk: false,
        call_id: "x".into(),
        cseq: 7,
        until: Duration::from_secs(1_000),
        renewed: Duration::ZERO,
        agent: "PBX".into(),
    }
}

fn directory(name: &str) -> std::path::PathBuf {
    let directory = std::env::temp_dir().join(format!("edge-registrations-{name}-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&directory));
    directory
}

/// What comes back of these.
fn restored(name: &str, bindings: Vec<Binding>) -> Vec<Binding> {
    let (directory, epoch, before, after) = (directory(name), clock::now(), policy(), policy());
    before.trunks[0].visitor.bindings.change(Duration::ZERO, |all| *all = bindings);
    Registrations::of(&directory, "n", epoch).keep(&before);
    let next = Registrations::of(&directory, "n", clock::now());
    let count = next.restore(&after);
    let now = next.since_epoch();
    drop(std::fs::remove_dir_all(&directory));
    let back = after.trunks[0].visitor.bindings.at(now);
    assert_eq!(back.len(), count);
    back
}

#[test]
fn a_binding_comes_back_as_it_was() {
    let kept = binding(0, Transport::Udp, "sip:pbx@10.0.0.1;ob", "192.0.2.77:1024");
    let back = restored("udp", vec![kept.clone()]);
    let [back] = &back[..] else { panic!("{back:?}") };
    assert!(back.until <= kept.until + Duration::from_secs(1) && back.until > Duration::from_secs(900));
    let same = Binding { until: kept.until, renewed: kept.renewed, ..back.clone() };
    assert_eq!(same, kept);
}

#[test]
fn a_connection_does_not_come_back_but_who_can_be_reached_over_another_one_does() {
    let back = restored(
        "tcp",
        vec![
            binding(1, Transport::Tcp, "sip:pbx@192.0.2.77:5070;transport=tcp", "192.0.2.77:40000"),
            binding(1, Transport::Tcp, "sip:pbx@10.0.0.1;transport=tcp", "192.0.2.78:40000"),
        ],
    );
    let addresses: Vec<_> = back.iter().map(|binding| binding.target.address.to_string()).collect();
    assert_eq!(addresses, ["192.0.2.77:5070"], "the other one is behind a NAT");
}

#[test]
fn a_file_that_was_cut_is_put_aside_and_nobody_is_registered() {
    let (directory, policy) = (directory("cut"), policy());
    let kept = binding(0, Transport::Udp, "sip:pbx@10.0.0.1", "192.0.2.77:1024");
    policy.trunks[0].visitor.bindings.change(Duration::ZERO, |all| all.push(kept));
    Registrations::of(&directory, "n", clock::now()).keep(&policy);
    let file = directory.join("n/registrations.json");
    let whole = std::fs::read(&file).unwrap();
    for end in [0, 1, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..end]).unwrap();
        assert_eq!(Registrations::of(&directory, "n", clock::now()).restore(&self::policy()), 0);
        assert!(!file.exists(), "put aside");
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(Registrations::of(&directory, "n", clock::now()).restore(&self::policy()), 1);
    drop(std::fs::remove_dir_all(&directory));
}
