//! Configuration files, good and bad: what an operator reads about each.

use std::fs;
use std::path::{Path, PathBuf};

use edge_user::check::Sheet;
use edge_user::config::Config;

#[test]
fn bad_files_say_what_to_write_instead() {
    for file in files("tests/config/bad") {
        let errors = Config::load(&file).expect_err(&format!("{} is bad", file.display()));
        insta::assert_snapshot!(name("bad", &file), errors);
    }
}

#[test]
fn good_files_say_what_they_will_do() {
    for file in files("tests/config/good") {
        insta::assert_snapshot!(name("good", &file), Sheet(&load(&file)));
    }
}

#[test]
fn the_reference_configuration_is_good() {
    insta::assert_snapshot!("reference", Sheet(&load(Path::new("../docs/edge.toml"))));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let errors = Config::load(Path::new("tests/config/absent.toml")).expect_err("it is not there");
    insta::assert_snapshot!(errors, @"tests/config/absent.toml:1: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn no_message_shows_what_a_key_that_could_hold_a_secret_holds() {
    for file in ["tests/config/bad/not-built-yet-trunk.toml", "tests/config/bad/login.toml"].map(Path::new) {
        let errors = Config::load(file).expect_err("it is wrong");
        assert!(fs::read_to_string(file).unwrap().contains("hunter2"));
        assert!(!format!("{errors} {errors:?}").contains("hunter2"));
    }
}

#[test]
fn what_a_file_leaves_out_is_what_the_reference_calls_default() {
    let config = load(Path::new("tests/config/good/two-realms.toml"));
    let reference = load(Path::new("../docs/edge.toml"));
    assert_eq!(config.node, reference.node);
    assert_eq!(config.log, reference.log);
    assert_eq!(config.xdp, reference.xdp);
    assert_eq!(config.cdr, reference.cdr);
    assert_eq!(config.drain.grace, reference.drain.grace);
    assert_eq!(config.policy.timers, reference.policy.timers);
    assert_eq!(config.policy.strangers, reference.policy.strangers);
    assert_eq!(config.policy.message_bounds, reference.policy.message_bounds);
    assert_eq!(config.policy.shield, reference.policy.shield);
}

fn load(file: &Path) -> Config {
    Config::load(file).unwrap_or_else(|errors| panic!("{errors}"))
}

fn files(directory: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{directory} has files");
    files
}

fn name(kind: &str, file: &Path) -> String {
    format!("{kind}-{}", file.file_stem().unwrap_or_default().display())
}
