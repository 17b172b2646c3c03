use super::machine::{Effect, Input, State};

const STATES: [State; 7] = [
    State::Unregistered,
    State::Registering,
    State::Waiting,
    State::Registered,
    State::Refreshing,
    State::Lapsing,
    State::Deregistering,
];
const INPUTS: [Input; 9] = [
    Input::Wanted,
    Input::Unwanted,
    Input::Accepted,
    Input::TooBrief,
    Input::NotTaken,
    Input::Failed,
    Input::Due,
    Input::Expired,
    Input::Lost,
];

/// Every row in which something happens; in all others nothing does.
const ROWS: [(State, Input, State, Option<Effect>); 28] = [
    (State::Unregistered, Input::Wanted, State::Registering, Some(Effect::Ask)),
    (State::Registering, Input::Unwanted, State::Deregistering, Some(Effect::Withdraw)),
    (State::Registering, Input::Accepted, State::Registered, Some(Effect::PlanRefresh)),
    (State::Registering, Input::TooBrief, State::Registering, Some(Effect::AskAgain)),
    (State::Registering, Input::NotTaken, State::Registering, Some(Effect::AskNext)),
    (State::Registering, Input::Failed, State::Waiting, Some(Effect::PlanRetry)),
    (State::Waiting, Input::Unwanted, State::Unregistered, Some(Effect::Rest)),
    (State::Waiting, Input::Due, State::Registering, Some(Effect::Ask)),
    (State::Registered, Input::Unwanted, State::Deregistering, Some(Effect::Withdraw)),
    (State::Registered, Input::Due, State::Refreshing, Some(Effect::Ask)),
    (State::Registered, Input::Lost, State::Refreshing, Some(Effect::Ask)),
    (State::Registered, Input::Expired, State::Registering, Some(Effect::Ask)),
    (State::Refreshing, Input::Unwanted, State::Deregistering, Some(Effect::Withdraw)),
    (State::Refreshing, Input::Accepted, State::Registered, Some(Effect::PlanRefresh)),
    (State::Refreshing, Input::TooBrief, State::Refreshing, Some(Effect::AskAgain)),
    (State::Refreshing, Input::NotTaken, State::Refreshing, Some(Effect::AskNext)),
    (State::Refreshing, Input::Failed, State::Lapsing, Some(Effect::PlanRetry)),
    (State::Refreshing, Input::Expired, State::Registering, None),
    (State::Lapsing, Input::Unwanted, State::Deregistering, Some(Effect::Withdraw)),
    (State::Lapsing, Input::Due, State::Refreshing, Some(Effect::Ask)),
    (State::Lapsing, Input::Expired, State::Waiting, None),
    (State::Deregistering, Input::Wanted, State::Registering, Some(Effect::Ask)),
    (State::Deregistering, Input::Accepted, State::Unregistered, Some(Effect::Rest)),
    (State::Deregistering, Input::TooBrief, State::Unregistered, Some(Effect::Rest)),
    (State::Deregistering, Input::NotTaken, State::Unregistered, Some(Effect::Rest)),
    (State::Deregistering, Input::Failed, State::Unregistered, Some(Effect::Rest)),
    (State::Deregistering, Input::Due, State::Unregistered, Some(Effect::Rest)),
    // What is lost while nothing is registered is lost already.
    (State::Unregistered, Input::Lost, State::Unregistered, None),
];

#[test]
fn the_whole_table() {
    for state in STATES {
        for input in INPUTS {
            let row = ROWS.iter().find(|(from, heard, _, _)| (*from, *heard) == (state, input));
            let expected = row.map_or((state, None), |(_, _, to, effect)| (*to, *effect));
            assert_eq!(state.step(input), expected, "{state:?} + {input:?}");
        }
    }
}
