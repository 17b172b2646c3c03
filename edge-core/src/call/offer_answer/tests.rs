use super::OfferAnswer::{Agreed, Nothing, Received, Sent};
use super::*;

#[test]
fn the_whole_table() {
    for (state, told, heard, may_tell, offer) in [
        (Nothing, Sent, Received, true, Taking::Later),
        (Received, Agreed, Received, true, Taking::Later),
        (Sent, Sent, Agreed, false, Taking::Pending),
        (Agreed, Agreed, Agreed, false, Taking::Now),
    ] {
        let row = (state.told(), state.heard(), state.may_tell(), state.takes_offer());
        assert_eq!(row, (told, heard, may_tell, offer), "{state:?}");
    }
}
