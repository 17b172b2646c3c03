use super::*;

#[test]
fn the_whole_table() {
    use Order::{Again, Ahead, Next};
    for (last, rseq, order, then) in [
        (None, 1, Next, Some(1)),
        (None, 776_656, Next, Some(776_656)),
        (None, u32::MAX, Next, Some(u32::MAX)),
        (Some(5), 4, Again, Some(5)),
        (Some(5), 5, Again, Some(5)),
        (Some(5), 6, Next, Some(6)),
        (Some(5), 7, Ahead, Some(5)),
        (Some(5), u32::MAX, Ahead, Some(5)),
        // Section 3: the number never wraps around.
        (Some(u32::MAX), 1, Again, Some(u32::MAX)),
    ] {
        let mut received = Received { last };
        assert_eq!((received.take(rseq), received.last), (order, then), "{last:?}, {rseq}");
    }
}
