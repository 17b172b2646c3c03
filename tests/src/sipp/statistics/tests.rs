//! Lines as SIPp 3.6.1 writes them, shortened.

use super::Statistics;

const TABLE: &str = "CallRate(C);CurrentCall;TotalCallCreated;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);\
                     Retransmissions(C);\n\
                     2;1;2;0;0;0;0;\n\
                     9.5;3;20;4;16;1;5;\n";

#[test]
fn the_last_complete_line_counts() {
    let expected = Statistics {
        attempted: 20,
        succeeded: 16,
        failed: 1,
        current: 3,
        retransmitted: 5,
        calls_a_second: 9.5,
    };
    assert_eq!(Statistics::last(TABLE), Some(expected));
    assert_eq!(Statistics::last(&format!("{TABLE}0;21")), Some(expected), "a line that is being written");
}

#[test]
fn a_table_without_figures_is_none() {
    assert_eq!(Statistics::last(""), None);
    assert_eq!(Statistics::last("CurrentCall;TotalCallCreated;\n"), None);
}
