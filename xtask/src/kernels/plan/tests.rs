//! The plan against the drills that there are, and messages of cargo as it writes them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Drills, ON_VETH, ON_VIRTIO, WITHOUT_XDP, executable};
use crate::workspace;

/// The source of a test binary: one file, or all of a directory.
fn source(binary: &str) -> String {
    let tests = workspace::root().join("tests/tests");
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let file = tests.join(binary).with_extension("rs");
    if file.exists() {
        return read(&file);
    }
    fs::read_dir(tests.join(binary)).unwrap().map(|entry| read(&entry.unwrap().path())).collect()
}

#[test]
fn each_line_has_its_own_name_and_each_word_finds_a_drill() {
    for set in [ON_VETH, ON_VIRTIO, WITHOUT_XDP] {
        let binaries: BTreeSet<_> = set.iter().map(|Drills { binary, .. }| binary).collect();
        assert_eq!(binaries.len(), set.len(), "results of one line overwrite those of another");
        for Drills { binary, named } in set {
            let source = source(binary);
            let names: Vec<&str> =
                source.lines().filter_map(|line| line.trim().strip_prefix("fn ")).collect();
            for word in *named {
                assert!(
                    names.iter().any(|name| name.contains(word)),
                    "no drill of {binary} is called {word}"
                );
            }
        }
    }
}

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
