//! Parts come out byte for byte, whatever is in them.

use bytes::Bytes;
use proptest::prelude::*;

use super::{PARTS_MAX, Part, parts};

fn cut(content_type: &str, body: &str) -> Option<Vec<(Option<String>, String)>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let read = |part: &Part| (part.header("content-type").map(text), text(&part.body));
    let parts = parts(content_type.as_bytes(), &Bytes::from(body.to_owned()))?;
    Some(parts.iter().map(read).collect())
}

#[test]
fn parts_are_cut_where_the_boundary_begins_a_line() {
    let sdp = |body: &str| (Some("application/sdp".to_owned()), body.to_owned());
    let bare = |body: &str| (None, body.to_owned());
    let head = "Content-Type: application/sdp\r\n";
    let table = [
        (format!("--b\r\n{head}\r\nv=0\r\n\r\n--b--\r\n"), Some(vec![sdp("v=0\r\n")])),
        (format!("preamble\r\n--b \t\r\n{head}\r\nv=0\r\n--b--epilogue"), Some(vec![sdp("v=0")])),
        (format!("--b\n{head}\nv=0\n--b--"), Some(vec![sdp("v=0")])),
        (
            "--b\r\n\r\nx --b\r\n--bb\r\n--b\r\n\r\n\r\n--b--".to_owned(),
            Some(vec![bare("x --b\r\n--bb"), bare("")]),
        ),
        ("--b\r\n\r\n--b--".to_owned(), Some(vec![bare("")])),
        (format!("--b\r\n{head}--b--"), Some(vec![sdp("")])),
        ("--b--".to_owned(), Some(vec![])),
        (format!("--b\r\n{head}\r\nv=0\r\n"), None),
        ("nothing".to_owned(), None),
        (String::new(), None),
    ];
    for (body, expected) in table {
        assert_eq!(cut("multipart/mixed;boundary=b", &body), expected, "{body:?}");
    }
}

#[test]
fn a_boundary_is_a_token_or_quoted() {
    let body = "--x y\r\n\r\n1\r\n--x y--";
    assert_eq!(cut("multipart/mixed; a=b; Boundary=\"x y\"", body).map(|parts| parts.len()), Some(1));
    for content_type in [
        "multipart/mixed",
        "multipart/mixed;boundary=",
        "multipart/mixed;boundary=\"\"",
        "multipart/mixed;boundary=\"x \"",
    ] {
        assert_eq!(cut(content_type, body), None, "{content_type}");
    }
    assert_eq!(cut(&format!("multipart/mixed;boundary={}", "x".repeat(71)), body), None);
}

#[test]
fn too_many_parts_are_no_parts() {
    let body = |parts: usize| "--b\r\n\r\nx\r\n".repeat(parts) + "--b--";
    assert_eq!(cut("m/m;boundary=b", &body(PARTS_MAX)).map(|parts| parts.len()), Some(PARTS_MAX));
    assert_eq!(cut("m/m;boundary=b", &body(PARTS_MAX + 1)), None);
}

proptest! {
    #[test]
    fn what_was_put_in_comes_out(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6)) {
        let boundary = b"unlikely-boundary";
        let mut text = Vec::new();
        for body in &bodies {
            text.extend_from_slice(&[b"--", &boundary[..], b"\r\nX: 1\r\n\r\n", body, b"\r\n"].concat());
        }
        text.extend_from_slice(&[b"--", &boundary[..], b"--\r\n"].concat());
        let parts = parts(b"multipart/mixed;boundary=unlikely-boundary", &text.into()).expect("well-formed");
        prop_assert_eq!(parts.iter().map(|part| part.body.to_vec()).collect::<Vec<_>>(), bodies);
        prop_assert!(parts.iter().all(|part| part.header("x") == Some(b"1")));
    }

    #[test]
    fn any_bytes_are_parts_or_none(
        content_type in "multipart/mixed;boundary=[-a\"]{0,3}",
        body in prop::collection::vec(prop::sample::select(b"-a\r\n: x".to_vec()), 0..80),
    ) {
        let _ = parts(content_type.as_bytes(), &body.into());
    }
}
