//! What each wish of a peer leads to.

use bytes::Bytes;

use super::*;
use crate::sip::{Incoming, MessageLimits};

fn message(start: &str, headers: &str) -> Incoming {
    let text = format!(
        "{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@192.0.2.1>;tag=1\r\n\
         To: <sip:b@192.0.2.2>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    Incoming::parse(Bytes::from(text), &MessageLimits::default()).unwrap()
}

fn request(headers: &str) -> Message {
    let Incoming::Request(request) = message("INVITE sip:b@192.0.2.2 SIP/2.0", headers) else {
        panic!("no request: {headers}")
    };
    request.message
}

fn response(status: &str, headers: &str) -> Response {
    let Incoming::Response(response) = message(&format!("SIP/2.0 {status}"), headers) else {
        panic!("no response: {headers}")
    };
    response
}

#[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
fn start() -> Instant {
    Instant::now()
}

fn text(writer: MessageWriter) -> String {
    String::from_utf8(writer.empty().to_vec()).unwrap()
}

fn value<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

fn ok() -> MessageWriter {
    MessageWriter::response(StatusCode::OK, "OK")
}

#[test]
fn a_request_is_answered_by_table_2() {
    const CAN: &str = "Supported: timer\r\n";
    for (ours, headers, answer, required) in [
        (Some(1800), String::new(), "", ""),
        (Some(1800), CAN.to_owned(), "1800;refresher=uas", ""),
        (None, CAN.to_owned(), "", ""),
        (Some(100), format!("{CAN}Min-SE: 300\r\n"), "300;refresher=uas", ""),
        (Some(1800), format!("{CAN}Session-Expires: 600\r\n"), "600;refresher=uac", "timer"),
        (Some(1800), format!("{CAN}x: 600;refresher=uac\r\n"), "600;refresher=uac", "timer"),
        (Some(1800), format!("{CAN}Session-Expires: 600;Refresher=UAS\r\n"), "600;refresher=uas", ""),
        (None, format!("{CAN}Session-Expires: 600\r\n"), "600;refresher=uac", "timer"),
        (Some(600), format!("{CAN}Session-Expires: 3600\r\n"), "600;refresher=uac", "timer"),
        (Some(600), format!("{CAN}Session-Expires: 3600\r\nMin-SE: 900\r\n"), "900;refresher=uac", "timer"),
        // A proxy asks for it; the caller himself cannot.
        (Some(1800), "Session-Expires: 600\r\n".to_owned(), "600;refresher=uas", ""),
        (Some(1800), "Session-Expires: 600;refresher=uac\r\n".to_owned(), "600;refresher=uas", ""),
        (Some(1800), "Session-Expires: 20\r\n".to_owned(), "", ""),
        (Some(1800), "Session-Expires: soon\r\n".to_owned(), "", ""),
        (None, "Require: timer\r\nSession-Expires: 600\r\n".to_owned(), "600;refresher=uac", "timer"),
    ] {
        let mut timer = SessionTimer::new(ours.map(Duration::from_secs));
        let said = text(timer.accept(&request(&headers), ok(), start()));
        assert_eq!(value(&said, "Session-Expires:"), answer, "{ours:?} {headers}");
        assert_eq!(value(&said, "Require:"), required, "{ours:?} {headers}");
        assert_eq!(timer.next_deadline().is_some(), !answer.is_empty());
    }
}

#[test]
fn an_interval_that_is_too_short_is_refused_to_one_who_understands() {
    for (headers, refused) in [
        ("Supported: timer\r\nSession-Expires: 89\r\n", true),
        ("Supported: timer\r\nSession-Expires: 90\r\n", false),
        ("Session-Expires: 89\r\n", false),
        ("Supported: timer\r\n", false),
    ] {
        assert_eq!(check_interval(&request(headers)).is_err(), refused, "{headers}");
    }
}

#[test]
fn who_refreshes_does_so_at_half_time_and_who_does_not_is_given_up_before_the_end() {
    let now = start();
    let after = |seconds| now + Duration::from_secs(seconds);
    for (headers, refresh, over) in [
        ("Session-Expires: 600;refresher=uac\r\n", Some(300), Some(568)),
        ("Session-Expires: 600\r\n", Some(300), Some(568)),
        ("Session-Expires: 600;refresher=uas\r\n", None, Some(568)),
        ("Session-Expires: 90;refresher=uas\r\n", None, Some(60)),
        ("Session-Expires: 1;refresher=uac\r\n", Some(45), Some(60)),
        ("", None, None),
    ] {
        let mut timer = SessionTimer::new(Some(Duration::from_secs(1800)));
        timer.agree(&response("200 OK", headers).message, now);
        assert_eq!(timer.next_deadline(), refresh.or(over).map(after), "{headers}");
        assert_eq!(timer.due(after(44)), None);
        assert_eq!(
            timer.due(after(300)),
            refresh
                .filter(|_| over == Some(568))
                .map(|_| Due::Refresh)
                .or(over.filter(|over| *over <= 300).map(|_| Due::Over))
        );
        assert_eq!(timer.due(after(568)), over.map(|_| Due::Over), "{headers}");
    }
}

#[test]
fn a_422_raises_what_is_proposed_and_only_when_it_names_more() {
    let mut timer = SessionTimer::new(Some(Duration::from_secs(10)));
    let proposed = |timer: &SessionTimer| {
        let said = text(timer.propose(ok()));
        (value(&said, "Session-Expires:").to_owned(), value(&said, "Min-SE:").to_owned())
    };
    assert_eq!(proposed(&timer), ("90".to_owned(), "90".to_owned()));
    for (status, headers, helps) in [
        ("422 Session Interval Too Small", "", false),
        ("422 Session Interval Too Small", "Min-SE: 60\r\n", false),
        ("500 No", "Min-SE: 900\r\n", false),
        ("422 Session Interval Too Small", "Min-SE: 900\r\n", true),
        ("422 Session Interval Too Small", "Min-SE: 900\r\n", false),
    ] {
        assert_eq!(timer.raise(&response(status, headers)), helps, "{status} {headers}");
    }
    assert_eq!(proposed(&timer), ("900".to_owned(), "900".to_owned()));
    timer.agree(&response("200 OK", "Session-Expires: 1200;refresher=uas\r\n").message, start());
    assert_eq!(proposed(&timer).0, "1200;refresher=uas");
}
