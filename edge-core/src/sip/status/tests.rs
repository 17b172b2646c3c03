//! Classes and reason phrases at the edges of their ranges.

use super::{StatusClass, StatusCode};

#[test]
fn only_100_to_699_are_codes() {
    for (number, valid) in
        [(0, false), (99, false), (100, true), (699, true), (700, false), (u16::MAX, false)]
    {
        assert_eq!(StatusCode::new(number).is_some(), valid, "{number}");
    }
}

#[test]
fn classes_follow_the_first_digit() {
    let table = [
        (100, StatusClass::Provisional, false, "Trying"),
        (183, StatusClass::Provisional, false, "Session Progress"),
        (199, StatusClass::Provisional, false, "Session Progress"),
        (200, StatusClass::Success, true, "OK"),
        (302, StatusClass::Redirection, true, "Moved Temporarily"),
        (486, StatusClass::RequestFailure, true, "Busy Here"),
        (499, StatusClass::RequestFailure, true, "Bad Request"),
        (599, StatusClass::ServerFailure, true, "Server Internal Error"),
        (603, StatusClass::GlobalFailure, true, "Decline"),
    ];
    for (number, class, is_final, reason) in table {
        let code = StatusCode::new(number).expect("in range");
        assert_eq!(
            (code.class(), code.is_final(), code.default_reason()),
            (class, is_final, reason),
            "{number}"
        );
        assert_eq!(
            (code.is_provisional(), code.is_success()),
            (!is_final, class == StatusClass::Success),
            "{number}"
        );
    }
}
