//! Lines of `/proc/PID/stat`, shortened.

use super::{family, parent, times};

const LINE: &str = "42 (a ) name) S 7 42 42 0 -1 4194304 100 0 0 0 30 12 0 0 20 0 4 0 12345";

#[test]
fn a_name_with_a_bracket_confuses_nobody() {
    assert_eq!(times(LINE), Some(42));
    assert_eq!(parent(LINE), Some(7));
    assert_eq!(times("nothing of it"), None);
}

#[test]
fn a_process_is_of_its_own_family() {
    assert!(family(std::process::id()).is_ok_and(|family| family.contains(&std::process::id())));
}
