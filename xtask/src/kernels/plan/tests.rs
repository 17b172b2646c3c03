//! Messages of cargo, as it writes them.

use std::path::PathBuf;

use super::executable;

#[test]
fn only_integration_tests_are_drills() {
    let message = |kind: &str, executable: &str| {
        format!(
            r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"]}},"executable":{executable}}}"#
        )
    };
    let found = executable(&message("test", r#""/t/debug/deps/datapath_program-77c0""#));
    assert_eq!(
        found,
        Some(("datapath_program".to_owned(), PathBuf::from("/t/debug/deps/datapath_program-77c0")))
    );
    assert_eq!(executable(&message("bin", r#""/t/debug/demo""#)), None);
    assert_eq!(executable(&message("test", "null")), None);
}
