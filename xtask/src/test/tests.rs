//! Result lines as libtest prints them.

use super::Total;

fn total(lines: &[&str]) -> (u64, u64) {
    let mut total = Total::default();
    for line in lines {
        total.add(line);
    }
    (total.passed, total.failed)
}

#[test]
fn result_lines_of_all_binaries_add_up() {
    let lines = [
        "running 3 tests",
        "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.07s",
        "test result: FAILED. 20 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s",
    ];
    assert_eq!(total(&lines), (23, 2));
}

#[test]
fn what_could_not_be_proven_is_told_once() {
    let mut total = Total::default();
    ["NOT PROVEN HERE: no VLANs", "test a ... ok", "NOT PROVEN HERE: no VLANs"]
        .iter()
        .for_each(|line| total.add(line));
    assert_eq!(total.not_proven.into_iter().collect::<Vec<_>>(), ["no VLANs"]);
}

#[test]
fn other_lines_do_not_count() {
    assert_eq!(total(&["test a ... ok", "", "7 passed", "  test result: ok. 1 passed"]), (0, 0));
}

#[test]
fn a_result_that_cannot_be_read_is_a_failure() {
    assert_eq!(total(&["test result: nobody knows"]), (0, 1));
}
