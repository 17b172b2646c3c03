use super::*;

const ALL: [Liveness; 5] =
    [Liveness::Unknown, Liveness::AskedFirst, Liveness::Answers, Liveness::Asked, Liveness::Mute];

#[test]
fn the_whole_table() {
    use Liveness::{Answers, Asked, AskedFirst, Mute, Unknown};
    let table = [
        (Unknown, (AskedFirst, Step::Ask), Unknown, Unknown),
        (AskedFirst, (Mute, Step::Wait), Unknown, Answers),
        (Answers, (Asked, Step::Ask), Answers, Answers),
        (Asked, (Asked, Step::Dead), Answers, Answers),
        (Mute, (Mute, Step::Idle), Mute, Answers),
    ];
    assert_eq!(table.map(|(state, ..)| state), ALL);
    for (state, silent, spoken, ponged) in table {
        assert_eq!(state.on_silence(), silent, "{state:?}");
        assert_eq!(state.on_bytes(false), spoken, "{state:?}");
        assert_eq!(state.on_bytes(true), ponged, "{state:?}");
        assert_eq!(state.awaits_pong(), matches!(state, AskedFirst | Asked));
    }
}

#[test]
fn who_never_answers_is_asked_once_and_kept_for_an_hour() {
    let (mut state, mut silence) = (Liveness::Unknown, Duration::ZERO);
    let mut asked = 0;
    loop {
        silence += state.patience();
        let (next, step) = state.on_silence();
        state = next;
        match step {
            Step::Ask => asked += 1,
            Step::Wait => {}
            Step::Dead => panic!("it never answered"),
            Step::Idle => break,
        }
    }
    assert_eq!((asked, silence), (1, IDLE_MAX));
}
