//! What is left out of a table that is too wide, and in which order.

use super::*;

const HEADINGS: [&str; 4] = ["NAME", "REALM", "USER", "CALLS"];

fn written(columns: Option<usize>) -> String {
    let rows = [["carrier-a", "outside", "-", "12/500"], ["pbx", "inside", "-", "3"]];
    let rows = rows.map(|row| row.map(str::to_owned));
    let mut out = Vec::new();
    write_within(&mut out, columns, &[1, 2], HEADINGS, &rows).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn all_of_it_is_written_where_there_is_room_or_no_terminal() {
    let all =
        "NAME       REALM    USER  CALLS\ncarrier-a  outside  -     12/500\npbx        inside   -     3\n";
    for columns in [None, Some(200), Some(32)] {
        assert_eq!(written(columns), all, "{columns:?}");
    }
}

#[test]
fn what_says_nothing_goes_first_and_then_what_can_be_spared() {
    let narrow = "NAME       REALM    CALLS\ncarrier-a  outside  12/500\npbx        inside   3\n";
    assert_eq!(written(Some(31)), format!("{narrow}\nToo narrow for USER: --json has all.\n"));
    let narrower = "NAME       CALLS\ncarrier-a  12/500\npbx        3\n";
    for columns in [25, 1] {
        assert_eq!(
            written(Some(columns)),
            format!("{narrower}\nToo narrow for REALM, USER: --json has all.\n")
        );
    }
}
