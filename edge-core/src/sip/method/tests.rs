//! Known methods, unknown ones, and what is no method.

use bytes::Bytes;

use super::Method;

#[test]
fn methods_are_case_sensitive_tokens() {
    let other = |name: &'static str| Some(Method::Other(Bytes::from_static(name.as_bytes())));
    let table = [
        ("INVITE", Some(Method::Invite)),
        ("PUBLISH", Some(Method::Publish)),
        ("invite", other("invite")),
        ("RE%47ISTER", other("RE%47ISTER")),
        ("!x.-*_+`'~%", other("!x.-*_+`'~%")),
        ("", None),
        ("IN VITE", None),
        ("INVITE\t", None),
        ("<INVITE>", None),
    ];
    for (name, method) in table {
        assert_eq!(Method::parse(&Bytes::from_static(name.as_bytes())), method, "{name}");
    }
}

#[test]
fn a_method_is_written_as_it_was_read() {
    for name in
        ["ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "MESSAGE", "NOTIFY", "Foo"]
    {
        let method = Method::parse(&Bytes::from_static(name.as_bytes())).expect("a method");
        assert_eq!(method.to_string(), name);
    }
}
