//! Vectors of RFC 7616, RFC 2617 and draft-smith-sipping-auth-examples-01; those that no document has are of another
//! implementation (Python's hashlib). What we write we read and verify, and hostile input is survived.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::sip::{HeaderName, Message, MessageLimits, MessageWriter, Method, StatusCode};

const BOB: &str = "sip:bob@biloxi.com";
const NONCE: &[u8] = b"dcd98b7102dd2f0e8b11d0f600bfb0c093";
const CNONCE: &[u8] = b"0a4f113b";
const SDP: &[u8] = b"v=0\r\no=bob 2890844526 2890844526 IN IP4 media.biloxi.com\r\ns=-\r\n\
    c=IN IP4 media.biloxi.com\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n\
    m=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\nm=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n";

fn login(username: &str, password: &str) -> Login {
    Login::new(username, Secret::new(password.as_bytes().to_vec()))
}

fn proof(name: &str, protection: Protection<'_>, body: &[u8]) -> String {
    let algorithm = Algorithm::parse(name.as_bytes()).unwrap();
    let key = Proof::key(algorithm, &login("bob", "zanzibar"), b"biloxi.com");
    let proof = Proof { algorithm, nonce: NONCE, protection };
    String::from_utf8(proof.make(&key, (b"INVITE", BOB.as_bytes()), body).as_bytes().to_vec()).unwrap()
}

#[test]
fn proofs_are_those_of_the_documents() {
    let auth = Protection::Auth { count: 1, cnonce: CNONCE };
    let auth_int = Protection::AuthInt { count: 1, cnonce: CNONCE };
    let table = [
        ("MD5", Protection::None, SDP, "bf57e4e0d0bffc0fbaedce64d59add5e"),
        ("MD5", auth, SDP, "89eb0059246c02b2f6ee02c7961d5ea3"),
        ("MD5", auth_int, SDP, "bdbeebb2da6adb6bca02599c2239e192"),
        ("MD5-sess", auth, SDP, "e4e4ea61d186d07a92c9e1f6919902e9"),
        ("MD5-sess", auth_int, b"v=0\r\n", "8527c9ab1b4eed3fd75491f811944e26"),
        ("SHA-256-sess", auth, SDP, "5da59c9ca40954be9d5063a15a174066c8251be2c10cf47c144c366dc7daf792"),
        (
            "SHA-256-sess",
            auth_int,
            b"v=0\r\n",
            "0b4a1efc19e1b701ec5775b6b16dde0fc416102e34a6c5bd6f957b20b5d79170",
        ),
        ("sha-512-256-SESS", auth, SDP, "077d9677be83f41f162d1a4453dc163389919f81e5927391d972f477da767633"),
        (
            "SHA-512-256-sess",
            auth_int,
            b"v=0\r\n",
            "0220683d8c9faccc1d05bd2ef0e7ccdff87eacd5f06fb6bfd9cd7d3acf66a00b",
        ),
    ];
    for (algorithm, protection, body, expected) in table {
        assert_eq!(proof(algorithm, protection, body), expected, "{algorithm} {protection:?}");
    }
}

/// RFC 7616 section 3.9.1, as it is written there.
#[test]
fn the_example_of_rfc_7616_is_proven() {
    let header = |algorithm: &str, response: &str| {
        format!(
            "Digest username=\"Mufasa\",\r\n realm=\"http-auth@example.org\",\r\n uri=\"/dir/index.html\",\r\n \
             algorithm={algorithm},\r\n nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\",\r\n nc=00000001,\r\n \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\",\r\n qop=auth,\r\n response=\"{response}\",\r\n \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    };
    let sha256 = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    for (algorithm, response) in [("MD5", "8ca523f5e9506fed4657c9700eebdbec"), ("SHA-256", sha256)] {
        let key = |password| {
            let algorithm = Algorithm::parse(algorithm.as_bytes()).unwrap();
            Proof::key(algorithm, &login("Mufasa", password), b"http-auth@example.org")
        };
        for response in [response.to_owned(), response.to_uppercase()] {
            let header = header(algorithm, &response);
            let said = Authorization::parse(header.as_bytes()).unwrap();
            assert!(said.is_proven(&key("Circle of Life"), b"GET", b""));
            assert!(!said.is_proven(&key("Circle of Death"), b"GET", b""));
            assert!(!said.is_proven(&key("Circle of Life"), b"PUT", b""));
        }
        let cut = header(algorithm, &response[1..]);
        assert!(!Authorization::parse(cut.as_bytes()).unwrap().is_proven(
            &key("Circle of Life"),
            b"GET",
            b""
        ));
    }
}

/// RFC 2617 section 3.5.
#[test]
fn the_example_of_rfc_2617_is_proven() {
    let header = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, nc=00000001, \
        cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", \
        opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let said = Authorization::parse(header.as_bytes()).unwrap();
    let key = Proof::key(said.algorithm(), &login("Mufasa", "Circle Of Life"), said.realm);
    assert!(said.is_proven(&key, b"GET", b""));
}

fn challenges(value: &str) -> Vec<String> {
    Challenge::parse(value.as_bytes()).map(|c| String::from_utf8(c.value()).unwrap()).collect()
}

#[test]
fn challenges_are_read_as_they_come() {
    let table: [(&str, &[&str]); 14] = [
        (r#"Digest realm="a", nonce="n""#, &[r#"Digest realm="a", nonce="n""#]),
        (
            r#"Digest realm="a",nonce="n",qop="auth-int, auth",algorithm=md5,stale=TRUE,opaque="o""#,
            &[r#"Digest realm="a", nonce="n", opaque="o", stale=true, algorithm=MD5, qop="auth""#],
        ),
        // Several in one header, other schemes between them, commas in quotes.
        (
            r#"Basic realm="x", Digest realm="a, Digest b", nonce="1", NTLM, Digest nonce="2",realm="c" , qop="auth-int""#,
            &[r#"Digest realm="a, Digest b", nonce="1""#, r#"Digest realm="c", nonce="2", qop="auth-int""#],
        ),
        // Escapes stay as they are.
        (r#"Digest realm="a \"b\" \\", nonce="n""#, &[r#"Digest realm="a \"b\" \\", nonce="n""#]),
        // Unknown parameters, unquoted values, white space where it may be.
        (
            r#"DIGEST domain="sip:x",realm = a , nonce = YWJj/+= ,userhash=false,x=y"#,
            &[r#"Digest realm="a", nonce="YWJj/+=""#],
        ),
        (
            r#"Digest realm="a", nonce="n", qop="", algorithm="SHA-256""#,
            &[r#"Digest realm="a", nonce="n", algorithm=SHA-256"#],
        ),
        // What cannot be answered is passed over.
        (r#"Digest realm="a""#, &[]),
        (r#"Digest realm="a", nonce="""#, &[]),
        (r#"Digest realm="a", nonce="n", algorithm=AKAv1-MD5"#, &[]),
        (r#"Digest realm="a", nonce="n", qop="auth-conf""#, &[]),
        (r#"Digest realm="a", nonce="n", algorithm=MD5-sess"#, &[]),
        (r#"Digest realm="a", realm="b", nonce="n""#, &[]),
        (r#"Digest realm="a, nonce="n""#, &[]),
        ("Digest realm=\"a\0\", nonce=\"n\"", &[]),
    ];
    for (value, expected) in table {
        assert_eq!(challenges(value), expected, "{value}");
    }
}

#[test]
fn credentials_without_a_part_are_none() {
    let whole = r#"Digest username="u", realm="r", nonce="n", uri="sip:a", response="00", qop=auth, nc=1, cnonce="c""#;
    assert!(Authorization::parse(whole.as_bytes()).is_some());
    for part in ["username=\"u\", ", "realm=\"r\", ", "nonce=\"n\", ", "uri=\"sip:a\", ", "nc=1, "] {
        assert_eq!(Authorization::parse(whole.replace(part, "").as_bytes()), None, "{part}");
    }
    for (part, other) in [
        ("nc=1", "nc=+1"),
        ("nc=1", "nc=123456789"),
        ("nc=1", "nc="),
        ("Digest", "Basic"),
        ("qop=auth", "qop=auth-conf"),
        ("realm=\"r\"", "username=\"u\", realm=\"r\""),
    ] {
        assert_eq!(Authorization::parse(whole.replacen(part, other, 1).as_bytes()), None, "{other}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let login = login("bob", "zanzibar");
    let key = Proof::key(Algorithm::DEFAULT, &login, b"biloxi.com");
    let printed = format!("{login:?} {key:?}");
    assert!(
        !printed.contains("zanzibar") && !printed.contains("12af60467a33e8518da5c68bbff12b11"),
        "{printed}"
    );
}

fn request(headers: &[(HeaderName, Vec<u8>)]) -> Message {
    let writer = MessageWriter::request(&Method::Invite, BOB);
    let writer = headers.iter().fold(writer, |writer, (name, value)| writer.header(*name, value));
    Message::parse(writer.empty(), &MessageLimits::default()).unwrap()
}

fn response(challenges: &[(HeaderName, &str)]) -> Message {
    let writer = MessageWriter::response(StatusCode::UNAUTHORIZED, "Unauthorized");
    let writer = challenges.iter().fold(writer, |writer, (name, value)| writer.header(*name, value));
    Message::parse(writer.empty(), &MessageLimits::default()).unwrap()
}

const WWW: HeaderName = HeaderName::WwwAuthenticate;
const PROXY: HeaderName = HeaderName::ProxyAuthenticate;

fn counts(nonces: &mut Nonces, login: &Login) -> Vec<(HeaderName, String, u32)> {
    let said = nonces.answer(login, (b"INVITE", BOB.as_bytes()), b"");
    let of = |(name, value): &(HeaderName, Vec<u8>)| {
        let said = Authorization::parse(value).unwrap();
        let key = Proof::key(said.algorithm(), login, said.realm);
        assert!(said.is_proven(&key, b"INVITE", b""));
        let count = match said.protection {
            Protection::None => 0,
            Protection::Auth { count, .. } | Protection::AuthInt { count, .. } => count,
        };
        (*name, String::from_utf8(said.nonce.to_vec()).unwrap(), count)
    };
    said.iter().map(of).collect()
}

fn take(nonces: &mut Nonces, login: &Login, challenges: &[(HeaderName, &str)]) -> Result<(), Unanswered> {
    let code = match challenges {
        [(PROXY, _), ..] => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        _ => StatusCode::UNAUTHORIZED,
    };
    nonces.take(login, (&request(&[]), false), (code, &response(challenges)), || 7)
}

#[test]
fn the_strongest_allowed_algorithm_of_a_realm_is_answered() {
    let each = [
        (WWW, r#"Digest realm="a", nonce="weak", qop="auth""#),
        (WWW, r#"Digest realm="a", nonce="best", qop="auth", algorithm=SHA-512-256"#),
        (WWW, r#"Digest realm="a", nonce="good", qop="auth", algorithm=SHA-256"#),
    ];
    for (allowed, expected) in [
        (vec![Hash::Md5, Hash::Sha256, Hash::Sha512_256], "best"),
        (vec![Hash::Md5, Hash::Sha256], "good"),
        (vec![Hash::Md5], "weak"),
    ] {
        let login = Login { algorithms: Algorithms::only(&allowed), ..login("bob", "zanzibar") };
        let mut nonces = Nonces::default();
        take(&mut nonces, &login, &each).unwrap();
        assert_eq!(counts(&mut nonces, &login), [(HeaderName::Authorization, expected.to_owned(), 1)]);
    }
    let strict = Login { algorithms: Algorithms::only(&[Hash::Sha256]), ..login("bob", "zanzibar") };
    let refused = take(&mut Nonces::default(), &strict, &each[..1]);
    assert_eq!(refused, Err(Unanswered::NotAllowed { offered: Algorithm::DEFAULT }));
}

#[test]
fn a_nonce_is_counted_and_each_realm_has_its_own() {
    let login = login("bob", "zanzibar");
    let mut nonces = Nonces::default();
    take(&mut nonces, &login, &[(PROXY, r#"Digest realm="p", nonce="1", qop="auth""#)]).unwrap();
    assert_eq!(counts(&mut nonces, &login)[0].2, 1);
    take(&mut nonces, &login, &[(WWW, r#"Digest realm="a", nonce="2", qop="auth-int""#)]).unwrap();
    let (proxy, user) = (HeaderName::ProxyAuthorization, HeaderName::Authorization);
    assert_eq!(counts(&mut nonces, &login), [(proxy, "1".to_owned(), 2), (user, "2".to_owned(), 1)]);
    // A challenge with a nonce that is in use changes nothing: it was for another request under way.
    take(&mut nonces, &login, &[(WWW, r#"Digest realm="a", nonce="2", qop="auth-int""#)]).unwrap();
    take(&mut nonces, &login, &[(PROXY, r#"Digest realm="p", nonce="3""#)]).unwrap();
    assert_eq!(counts(&mut nonces, &login), [(user, "2".to_owned(), 2), (proxy, "3".to_owned(), 0)]);
}

#[test]
fn realms_are_bounded() {
    let login = login("bob", "zanzibar");
    let mut nonces = Nonces::default();
    for realm in 0..100 {
        take(&mut nonces, &login, &[(WWW, &format!("Digest realm=\"{realm}\", nonce=\"n\""))]).unwrap();
    }
    let many: Vec<_> = (0..100).map(|realm| format!("Digest realm=\"r{realm}\", nonce=\"n\"")).collect();
    let many: Vec<_> = many.iter().map(|value| (WWW, value.as_str())).collect();
    assert_eq!(counts(&mut nonces, &login).len(), 4);
    take(&mut nonces, &login, &many).unwrap();
    assert_eq!(counts(&mut nonces, &login).len(), 4);
}

#[test]
fn what_was_refused_is_not_said_again() {
    let login = login("bob", "zanzibar");
    let mut nonces = Nonces::default();
    let (first, second) = (r#"Digest realm="a", nonce="1", qop="auth""#, r#"Digest realm="a", nonce="2""#);
    take(&mut nonces, &login, &[(WWW, first)]).unwrap();
    let said = request(&nonces.answer(&login, (b"INVITE", BOB.as_bytes()), b""));
    let mut hear = |fresh, challenge| {
        let heard = response(&[(WWW, challenge)]);
        nonces.take(&login, (&said, fresh), (StatusCode::UNAUTHORIZED, &heard), || 7)
    };
    // The nonce was an old one, and the server does not say that this is all.
    assert_eq!(hear(false, second), Ok(()));
    assert_eq!(hear(true, r#"Digest realm="a", nonce="3", stale=true"#), Ok(()));
    assert_eq!(hear(true, second), Err(Unanswered::Refused { realm: "a".to_owned() }));
    assert_eq!(hear(false, "Basic realm=\"a\""), Err(Unanswered::Unknown));
    assert!(nonces.is_empty(), "what was refused is not tried with the next request");
    let elsewhere = Login { realm: Some("b".to_owned()), ..login };
    let refused = take(&mut nonces, &elsewhere, &[(WWW, first)]);
    assert_eq!(refused, Err(Unanswered::OtherRealm { realm: "a".to_owned() }));
}

prop_compose! {
    fn quotable()(text in "[ -!#-\\[\\]-~]{1,40}") -> String { text }
}

proptest! {
    #[test]
    fn what_we_write_we_read_and_prove(
        username in quotable(), realm in quotable(), nonce in quotable(), password in ".{0,40}",
        uri in "sip:[a-z0-9@.;=]{1,40}", opaque in proptest::option::of(quotable()), hash in 0..3_usize,
        session in any::<bool>(), qop in 0..3_u8, count in any::<u32>(), body in any::<Vec<u8>>(),
    ) {
        let algorithm = Algorithm { hash: Hash::ALL[hash], session };
        let cnonce = CNONCE;
        let protection = match qop {
            0 => Protection::None,
            1 => Protection::Auth { count, cnonce },
            _ => Protection::AuthInt { count, cnonce },
        };
        let key = Proof::key(algorithm, &login(&username, &password), realm.as_bytes());
        let proof = Proof { algorithm, nonce: nonce.as_bytes(), protection };
        let response = proof.make(&key, (b"BYE", uri.as_bytes()), &body);
        let written = Authorization {
            username: username.as_bytes(), realm: realm.as_bytes(), nonce: nonce.as_bytes(), uri: uri.as_bytes(),
            response: response.as_bytes(), algorithm: Some(algorithm),
            opaque: opaque.as_ref().map(String::as_bytes), protection,
        };
        let value = written.value();
        let read = Authorization::parse(&value);
        prop_assert_eq!(read, Some(written));
        prop_assert!(written.is_proven(&key, b"BYE", &body));
        let other = Proof::key(algorithm, &login(&username, &format!("{password}x")), realm.as_bytes());
        prop_assert!(!written.is_proven(&other, b"BYE", &body));
        if qop == 2 {
            prop_assert!(!written.is_proven(&key, b"BYE", &[body.as_slice(), b"x"].concat()));
        }
    }

    #[test]
    fn challenges_that_we_write_we_read(
        realm in quotable(), nonce in quotable(), opaque in proptest::option::of(quotable()), stale in any::<bool>(),
        hash in proptest::option::of(0..3_usize), qop in 0..3_usize,
    ) {
        let challenge = Challenge {
            realm: realm.as_bytes(), nonce: nonce.as_bytes(), opaque: opaque.as_ref().map(String::as_bytes),
            algorithm: hash.map(|hash| Algorithm { hash: Hash::ALL[hash], session: false }),
            qop: [Qop::None, Qop::Auth, Qop::AuthInt][qop], stale,
        };
        let twice = [challenge.value(), challenge.value()].join(b", ".as_slice());
        prop_assert_eq!(Challenge::parse(&twice).collect::<Vec<_>>(), vec![challenge, challenge]);
    }

    #[test]
    fn hostile_headers_are_survived(value in any::<Vec<u8>>(), text in "(Digest|[a-z]+=|\"|\\\\|,| |realm|nonce|=|x){0,40}") {
        for value in [value.as_slice(), text.as_bytes(), &[b"Digest realm=\"a\", nonce=\"n\", ", value.as_slice()].concat()] {
            for challenge in Challenge::parse(value) {
                let written = challenge.value();
                prop_assert_eq!(Challenge::parse(&written).next(), Some(challenge));
            }
            if let Some(said) = Authorization::parse(value) {
                let key = Proof::key(said.algorithm(), &login("a", "b"), said.realm);
                prop_assert!(!said.is_proven(&key, b"INVITE", b""));
            }
        }
        let bytes = Bytes::from([b"SIP/2.0 401 No\r\nWWW-Authenticate: ".as_slice(), text.as_bytes(), b"\r\n\r\n"].concat());
        if let Ok(message) = Message::parse(bytes, &MessageLimits::default()) {
            let mut nonces = Nonces::default();
            let _heard = nonces.take(&login("a", "b"), (&message, true), (StatusCode::UNAUTHORIZED, &message), || 1);
        }
    }
}
