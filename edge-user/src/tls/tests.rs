//! Files of TLS, and what is said of them; certificates of peers, and whom they make their holders.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use edge_core::policy::{Auth, RealmId, TrunkId};
use rcgen::ExtendedKeyUsagePurpose;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ServerConnection};

use super::inbound::Inbound;
use super::outbound::Outbound;
use super::testing::{Peer, Pki, Wanted};
use super::*;
use crate::config::Config;
use crate::runtime::clock;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

/// A realm with a certificate that fits, and trunks `a`, which `ca` signs for, and `b`, which `other` does.
fn good() -> (Pki, Config) {
    let pki = Pki::new();
    let ca = pki.authority("ca");
    pki.authority("other");
    pki.issue("edge", &ca, &Wanted::dns("edge.example"));
    let b = Peer { ca: Some("other.pem"), port: 5071, ..Peer::certified("b", &["b.example"]) };
    let config = pki.config(&[Peer::certified("a", &["a.example"]), b]);
    (pki, config)
}

fn load(config: &Config) -> Result<(Keyring, Vec<String>), String> {
    match Keyring::load(config, clock::today()) {
        Ok((keyring, warnings)) => Ok((keyring, warnings.iter().map(ToString::to_string).collect())),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

/// `text` without the name of the directory.
fn short(pki: &Pki, text: &str) -> String {
    text.replace(&format!("{}/", pki.path("").display().to_string().trim_end_matches('/')), "/")
}

#[test]
fn good_files_are_taken_in_silence() {
    let (_pki, config) = good();
    assert_eq!(load(&config).unwrap().1, [""; 0]);
}

#[test]
fn each_bad_file_is_named_with_what_is_wrong_and_what_to_do() {
    let year = |from, to| Wanted::dns("edge.example").years(from, to);
    type Spoil<'a> = &'a dyn Fn(&Pki);
    let ca = |pki: &Pki| pki.authority("signer");
    let table: [(Spoil<'_>, &str); 10] = [
        (
            &|pki| std::fs::remove_file(pki.path("edge.pem")).unwrap(),
            "`certificate` /edge.pem cannot be read: No such",
        ),
        (
            &|pki| pki.write("edge.pem", "hello"),
            "`certificate` /edge.pem has no certificate in it; it has to begin with",
        ),
        (
            &|pki| pki.write("edge.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "`certificate` /edge.pem has a certificate that cannot be read (number 1 of the file)",
        ),
        (
            &|pki| pki.write("edge.pem", "-----BEGIN CERTIFICATE-----\nAAAA"),
            "`certificate` /edge.pem is no PEM file",
        ),
        (
            &|pki| pki.issue("edge", &ca(pki), &year(2020, 2021)),
            "`certificate` /edge.pem has a certificate that expired on 2021-01-01",
        ),
        (
            &|pki| pki.issue("edge", &ca(pki), &year(2080, 2090)),
            "`certificate` /edge.pem has a certificate that counts only from 2080-01-01",
        ),
        (&|pki| pki.write("edge.key", ""), "`private_key` /edge.key has no private key in it"),
        (
            &|pki| {
                pki.issue("x", &ca(pki), &year(2020, 2090));
                std::fs::copy(pki.path("x.key"), pki.path("edge.key")).unwrap();
            },
            "`private_key` /edge.key is not the key of the certificate in /edge.pem",
        ),
        (
            &|pki| pki.write("edge.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            "`private_key` /edge.key has a key of a kind that TLS does not use",
        ),
        (&|pki| pki.write("other.pem", ""), "trunk b: tls: `ca` /other.pem has no certificate in it"),
    ];
    for (spoil, expected) in table {
        let (pki, config) = good();
        spoil(&pki);
        let said = short(&pki, &load(&config).unwrap_err());
        assert!(said.contains(expected), "{expected}\n{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn what_will_be_wrong_soon_is_warned_of() {
    let (pki, config) = good();
    let read = Certificate::read(&CertificateDer::from_pem_file(pki.path("edge.pem")).unwrap()).unwrap();
    let at = |days: u64| read.not_after - Duration::from_secs(days * 86_400 + 60);
    let warned = |days| {
        Keyring::load(&config, at(days)).unwrap().1.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(warned(31), [""; 0]);
    let said = warned(12).join("\n");
    let expected = "realm lo: tls: `certificate` /edge.pem: the certificate for edge.example expires on 2090-01-01, in 12 days";
    assert!(short(&pki, &said).contains(expected), "{said}");

    for nobody in
        [Wanted::dns("*.edge.example"), Wanted::common("Edge Ltd"), Wanted::uri("sips:edge.example")]
    {
        pki.issue("edge", &pki.authority("signer"), &nobody);
        let (_, warnings) = load(&config).unwrap();
        assert!(warnings[0].contains("is for no SIP domain that a peer could compare"), "{warnings:?}");
    }
}

/// Plays a whole handshake in memory; says what each side ends with.
fn shake(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), rustls::Error> {
    let mut wire = Vec::new();
    for _ in 0..10 {
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
        wire.clear();
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

/// A peer that shows the certificate of `shown`, or none, and believes everybody.
fn peer(
    pki: &Pki,
    shown: Option<&str>,
    version: &'static rustls::SupportedProtocolVersion,
) -> ClientConnection {
    let (_, believer) = good_for_anyone(pki);
    let config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(believer);
    let config = match shown {
        None => config.with_no_client_auth(),
        Some(name) => {
            let chain = CertificateDer::pem_file_iter(pki.path(&format!("{name}.pem"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(pki.path(&format!("{name}.key"))).unwrap();
            config.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
        }
    };
    ClientConnection::new(Arc::new(config), ServerName::try_from("edge.example").unwrap()).unwrap()
}

fn good_for_anyone(pki: &Pki) -> ((), rustls::RootCertStore) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.path("ca.pem")).unwrap()).unwrap();
    ((), roots)
}

/// Who a peer is that shows `shown`, at an address that is a trunk's or nobody's.
fn who(
    pki: &Pki,
    config: &Config,
    shown: Option<&str>,
    known: bool,
) -> Vec<Result<Option<&'static str>, String>> {
    let keyring = Arc::new(load(config).unwrap().0);
    let judge = |version| {
        let inbound =
            Inbound::new(Arc::clone(&config.policy), Arc::clone(&keyring), RealmId::new(0), HERE, known);
        let server = inbound.server_config().unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        match shake(&mut peer(pki, shown, version), &mut server) {
            Ok(()) => inbound.proven().map_err(|denial| denial.to_string()).map(|key| {
                key.map(|key| ["a", "b", "c"][config.policy.proven(RealmId::new(0), key).unwrap().index()])
            }),
            Err(error) => {
                Err(inbound.denial().map_or_else(|| error.to_string(), |denial| denial.to_string()))
            }
        }
    };
    [&rustls::version::TLS12, &rustls::version::TLS13].map(judge).into()
}

#[test]
fn a_certificate_makes_its_holder_the_trunk_that_it_is_for() {
    let (pki, config) = good();
    let (ca, other) = (pki.authority("ca"), pki.authority("other"));
    pki.issue("edge", &ca, &Wanted::dns("edge.example"));
    for wanted in [
        Wanted::dns("a.example"),
        Wanted::dns("A.Example"),
        Wanted::uri("sip:a.example"),
        Wanted::common("a.example"),
        Wanted::dns("a.example").only_for(ExtendedKeyUsagePurpose::ServerAuth),
        Wanted::dns("a.example").only_for(ExtendedKeyUsagePurpose::ClientAuth),
        Wanted::dns("a.example").only_for(ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 20])),
        Wanted::dns("a.example").only_for(ExtendedKeyUsagePurpose::Any),
    ] {
        pki.issue("peer", &ca, &wanted);
        for known in [false, true] {
            let outcome = who(&pki, &config, Some("peer"), known);
            assert_eq!(outcome, [Ok(Some("a")), Ok(Some("a"))], "{wanted:?}");
        }
    }
    pki.issue("peer", &other, &Wanted::dns("b.example"));
    assert_eq!(who(&pki, &config, Some("peer"), false), [Ok(Some("b")), Ok(Some("b"))], "its own CA");
}

#[test]
fn whoever_cannot_prove_it_is_nobody_and_the_reason_is_said() {
    let (pki, config) = good();
    let (ca, other) = (pki.authority("ca"), pki.authority("other"));
    pki.issue("edge", &ca, &Wanted::dns("edge.example"));
    let a = || Wanted::dns("a.example");
    let table = [
        (&other, a(), "for a.example, is not signed by a CA in /ca.pem but by \"CN=other\""),
        (
            &ca,
            Wanted::dns("b.example"),
            "for b.example, is not signed by a CA in /other.pem but by \"CN=ca\"",
        ),
        (&ca, Wanted::dns("x.a.example"), "is for x.a.example, and no trunk of this realm has one of these"),
        (&ca, Wanted::dns("*.example"), "is for *.example, and no trunk"),
        (
            &ca,
            Wanted::uri("sip:ann@a.example"),
            "is for no SIP domain (its subject is \"CN=x\"), and no trunk",
        ),
        (&ca, a().years(2020, 2021), "for a.example, expired on 2021-01-01"),
        (&ca, a().years(2080, 2090), "for a.example, counts only from 2080-01-01; is our clock right?"),
        (
            &ca,
            a().only_for(ExtendedKeyUsagePurpose::EmailProtection),
            "allows neither TLS servers nor clients",
        ),
    ];
    for (authority, wanted, expected) in table {
        pki.issue("peer", authority, &wanted);
        for outcome in who(&pki, &config, Some("peer"), false) {
            let said = short(&pki, &outcome.unwrap_err());
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        let by_address = who(&pki, &config, Some("peer"), true);
        assert_eq!(by_address, [Ok(None), Ok(None)], "its address says who it is: {expected}");
    }
    for outcome in who(&pki, &config, None, false) {
        assert!(outcome.unwrap_err().contains("no certificate"));
    }
    assert_eq!(who(&pki, &config, None, true), [Ok(None), Ok(None)]);
}

#[test]
fn a_certificate_of_the_file_itself_needs_nobody_s_signature() {
    let (pki, config) = good();
    let ca = pki.authority("ca");
    pki.issue("edge", &ca, &Wanted::dns("edge.example"));
    pki.issue_alone("peer", &Wanted::dns("b.example"));
    std::fs::copy(pki.path("peer.pem"), pki.path("other.pem")).unwrap();
    assert_eq!(who(&pki, &config, Some("peer"), false), [Ok(Some("b")), Ok(Some("b"))]);
    pki.issue_alone("peer", &Wanted::dns("b.example"));
    assert!(who(&pki, &config, Some("peer"), false).iter().all(Result::is_err), "another of the same name");
    pki.issue_alone("peer", &Wanted::dns("b.example").years(2020, 2021));
    std::fs::copy(pki.path("peer.pem"), pki.path("other.pem")).unwrap();
    assert!(who(&pki, &config, Some("peer"), false).iter().all(Result::is_err), "expired");
}

#[test]
fn a_server_that_we_call_has_to_be_the_trunk() {
    let (pki, config) = good();
    let ca = pki.authority("ca");
    let other = pki.authority("other");
    pki.issue("edge", &ca, &Wanted::dns("edge.example"));
    let table = [
        (&ca, Wanted::dns("a.example"), None),
        (&ca, Wanted::uri("sip:a.example"), None),
        (&ca, Wanted::dns("b.example"), Some("is for b.example, and trunk a is a.example")),
        (&other, Wanted::dns("a.example"), Some("is not signed by a CA in /ca.pem")),
        (&ca, Wanted::dns("a.example").years(2020, 2021), Some("expired on 2021-01-01")),
    ];
    for (authority, wanted, expected) in table {
        pki.issue("peer", authority, &wanted);
        let outbound = Outbound::new(
            Arc::clone(config.policy.trunk(TrunkId::new(0))),
            Arc::new(load(&config).unwrap().0),
        );
        let chain = vec![CertificateDer::from_pem_file(pki.path("peer.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(pki.path("peer.key")).unwrap();
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let name = outbound.server_name(HERE);
        assert_eq!(name, ServerName::try_from("a.example").unwrap());
        let mut client = ClientConnection::new(Arc::new(outbound.client_config().unwrap()), name).unwrap();
        let outcome = shake(&mut client, &mut ServerConnection::new(Arc::new(server)).unwrap());
        assert_eq!(outcome.is_ok(), expected.is_none(), "{wanted:?}");
        let said = outbound.denial().map(|denial| short(&pki, &denial.to_string()));
        assert!(said.as_deref().unwrap_or_default().contains(expected.unwrap_or_default()), "{said:?}");
    }
}

#[test]
fn a_trunk_that_is_being_removed_proves_nothing_more() {
    let (pki, config) = good();
    pki.issue("peer", &pki.authority("ca"), &Wanted::dns("a.example"));
    let keyring = Keyring::default();
    let trunk = config.policy.trunk(TrunkId::new(0));
    assert_eq!(trunk.auth, Auth::Certificate);
    let leaf = CertificateDer::from_pem_file(pki.path("peer.pem")).unwrap();
    let shown = Certificate::read(&leaf).unwrap();
    let now = rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
    assert!(matches!(keyring.vouches(trunk, &shown, &leaf, &[], now), Err(Denial::Name { .. })));
}
