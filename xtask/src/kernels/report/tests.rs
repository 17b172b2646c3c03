//! What counts as passed.

use super::{Expected, judge};

const PASSED: &str =
    "test a ... ok\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
const FAILED: &str = "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out";

#[test]
fn drills_count_one_by_one_and_fail_when_they_do_not_end() {
    assert_eq!(judge(&Expected::Drills, PASSED, "0"), (3, 0));
    assert_eq!(judge(&Expected::Drills, FAILED, "101"), (2, 1));
    assert_eq!(judge(&Expected::Drills, "running 3 tests", "124"), (0, 1));
    assert_eq!(judge(&Expected::Drills, "", ""), (0, 1));
    assert_eq!(judge(&Expected::Drills, &format!("NOT PROVEN HERE: no VLANs\n{PASSED}"), "0"), (3, 1));
}

#[test]
fn a_command_succeeds_by_its_code() {
    assert_eq!(judge(&Expected::Success, "", "0"), (1, 0));
    for code in ["1", "124", ""] {
        assert_eq!(judge(&Expected::Success, "", code), (0, 1), "{code}");
    }
}

#[test]
fn a_refusal_is_a_failure_that_says_why() {
    let expected = Expected::Refusal("FAIL  kernel");
    assert_eq!(judge(&expected, "FAIL  kernel  5.10", "1"), (1, 0));
    assert_eq!(judge(&expected, "cannot read /proc", "1"), (0, 1));
    assert_eq!(judge(&expected, "FAIL  kernel  5.10", "0"), (0, 1));
    assert_eq!(judge(&expected, "FAIL  kernel  5.10", ""), (0, 1));
}
