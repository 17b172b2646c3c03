//! Who is heard, and who is not.

use axum::body::Body;
use axum::http::Request;

use super::Access;

fn code(access: &Access, headers: &[(&str, &str)]) -> Option<u16> {
    let mut request = Request::builder().uri("/v1/calls");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    access.refusal(&request.body(Body::empty()).unwrap()).map(|(code, _)| code.as_u16())
}

#[test]
fn without_a_token_only_programs_of_this_host_are_heard() {
    for (headers, want) in [
        (&[("host", "127.0.0.1:8080")][..], None),
        (&[("host", "localhost")], None),
        (&[("host", "[::1]:8080")], None),
        (&[], Some(403)),
        (&[("host", "rebound.example:8080")], Some(403)),
        (&[("host", "127.0.0.1.example")], Some(403)),
        (&[("host", "127.0.0.1:8080"), ("origin", "http://evil.example")], Some(403)),
        (&[("host", "127.0.0.1:8080"), ("origin", "null")], Some(403)),
        (&[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")], None),
    ] {
        assert_eq!(code(&Access::Local, headers), want, "{headers:?}");
    }
}

#[test]
fn with_a_token_only_who_has_it_is_heard() {
    let access = Access::Token("0123456789abcdef0123456789abcdef".into());
    for (given, want) in [
        ("Bearer 0123456789abcdef0123456789abcdef", None),
        ("Bearer 0123456789abcdef0123456789abcdee", Some(401)),
        ("Bearer 0123456789abcdef", Some(401)),
        ("Basic 0123456789abcdef0123456789abcdef", Some(401)),
        ("", Some(401)),
    ] {
        assert_eq!(code(&access, &[("authorization", given)]), want, "{given}");
    }
    assert_eq!(code(&access, &[("host", "127.0.0.1")]), Some(401));
}

/// A browser cannot be told to send a token before there is a page to enter it.
#[test]
fn the_page_itself_needs_no_token_and_nothing_else_goes_without() {
    let access = Access::Token("0123456789abcdef0123456789abcdef".into());
    let asked = |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        access.refusal(&request).map(|(code, _)| code.as_u16())
    };
    assert_eq!(asked("GET", "/"), None);
    for (method, path) in [("POST", "/"), ("GET", "//"), ("GET", "/metrics"), ("GET", "/openapi.json")] {
        assert_eq!(asked(method, path), Some(401), "{method} {path}");
    }
}

#[test]
fn a_token_that_could_be_guessed_is_refused_with_a_remedy() {
    let file = std::env::temp_dir().join(format!("edge-token-{}", std::process::id()));
    std::fs::write(&file, "secret\n").unwrap();
    let error = Access::by_token(&file).unwrap_err().to_string();
    std::fs::remove_file(&file).unwrap();
    assert!(error.contains("6 bytes") && error.contains("openssl rand"), "{error}");
    let error = Access::by_token(&file).unwrap_err().to_string();
    assert!(error.contains(&file.display().to_string()), "{error}");
}
