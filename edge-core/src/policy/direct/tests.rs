use std::net::SocketAddr;

use crate::policy::{CallTimers, Dtmf, DtmfMask, Policy, Realm, RealmId, Strangers, Trunk};

/// Realms 0 and 1 reach each other because 1 says so; nobody says anything of 2.
fn policy() -> Policy {
    let realm = |reaches: &[usize]| Realm {
        name: String::new(),
        device: String::new(),
        sip: Vec::new(),
        media: Vec::new(),
        reaches: reaches.iter().map(|realm| RealmId::new(*realm)).collect(),
        advertised: crate::policy::Advertised::default(),
    };
    let realms = vec![realm(&[]), realm(&[0]), realm(&[])];
    let none = (Vec::new(), Vec::new());
    Policy::new(String::new(), realms, none.0, none.1, Strangers::Silent, CallTimers::default()).unwrap()
}

fn trunk(realm: usize, direct: bool, nat: bool) -> Trunk {
    let mut trunk = Trunk::new("", RealmId::new(realm), SocketAddr::from(([192, 0, 2, 1], 5060)));
    (trunk.media.direct, trunk.nat) = (direct, nat);
    trunk
}

#[test]
fn media_is_left_out_where_both_say_so_and_their_realms_reach_each_other() {
    let policy = policy();
    for (one, other, left_out) in [
        ((0, true, false), (0, true, false), true),
        ((0, true, false), (1, true, false), true),
        ((1, true, false), (0, true, false), true),
        ((0, true, false), (2, true, false), false),
        ((2, true, false), (1, true, false), false),
        ((0, true, false), (0, false, false), false),
        ((0, false, false), (0, true, false), false),
        ((0, true, false), (0, true, true), false),
        ((0, true, true), (0, true, false), false),
    ] {
        let [a, b] = [one, other].map(|(realm, direct, nat)| trunk(realm, direct, nat));
        assert_eq!(policy.leaves_media_out(&a, &b), left_out, "{one:?} and {other:?}");
    }
}

#[test]
fn media_passes_the_edge_where_digits_are_to_be_heard_in_it() {
    let policy = policy();
    for (mode, mask, left_out) in [
        (Dtmf::Rfc4733, DtmfMask::Off, true),
        (Dtmf::Auto, DtmfMask::Off, true),
        (Dtmf::Inband, DtmfMask::Off, true),
        (Dtmf::Info, DtmfMask::Off, false),
        (Dtmf::Rfc4733, DtmfMask::Star, false),
        (Dtmf::Rfc4733, DtmfMask::Drop, false),
    ] {
        let (mut a, b) = (trunk(0, true, false), trunk(0, true, false));
        (a.dtmf.mode, a.dtmf.mask) = (mode, mask);
        assert_eq!(policy.leaves_media_out(&a, &b), left_out, "{mode:?} and {mask:?}");
        assert_eq!(policy.leaves_media_out(&b, &a), left_out, "{mode:?} and {mask:?}");
    }
}
