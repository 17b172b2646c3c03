//! The ends of logs.

use super::end_of;

#[test]
fn of_a_log_the_end_is_shown() {
    let log = "0: R1=ctx\n1: (bf) r6 = r1\n2: (79) r1 = *(u64 *)(r10 -480)\ninvalid read from stack R10 off=-480 size=8\n\
               verification time 133842 usec\nstack depth 472\nprocessed 2329 insns\n\n";
    let end = "invalid read from stack R10 off=-480 size=8 / verification time 133842 usec / stack depth 472 / \
               processed 2329 insns";
    assert_eq!(end_of(log), end);
    assert_eq!(end_of("one line"), "one line");
    assert_eq!(end_of(""), "");
}
