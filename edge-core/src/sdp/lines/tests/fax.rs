//! Fax, and lines of kinds that are not relayed.

use super::*;

#[test]
fn a_fax_takes_the_line_of_the_speech_and_gives_it_back() {
    let mut call = Call::new();
    let speech = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n");
    let fax = format!("{HEAD}{FAX}");
    call.exchange(0, &speech, &speech).expect("speech");
    let [told, heard] = call.exchange(1, &fax, &fax).expect("fax");
    let body = "m=image 10000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";
    assert!(
        told.ends_with(&format!("t=0 0\r\n{body}")) && heard.ends_with(&format!("t=0 0\r\n{body}")),
        "{told}{heard}"
    );
    let [told, heard] = call.exchange(0, &speech, &speech).expect("speech again");
    assert_eq!(
        [media_lines(&told), media_lines(&heard)],
        [["m=audio 10000 RTP/AVP 8"], ["m=audio 10000 RTP/AVP 8"]]
    );
    assert_eq!(call.lines.streams(), 1);
}

#[test]
fn a_fax_on_a_line_of_its_own_is_a_stream_of_its_own() {
    let mut call = Call::new();
    let speech = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n");
    let fax = format!("{HEAD}m=audio 0 RTP/AVP 8\r\n{FAX}");
    let over = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n{}", FAX.replace("30004", "0"));
    let both = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n{FAX}");
    call.exchange(0, &speech, &speech).expect("speech");
    for _ in 0..3 {
        let [told, heard] = call.exchange(1, &fax, &fax).expect("fax");
        let expected = ["m=audio 0 RTP/AVP 8", "m=image 10002 udptl t38"];
        assert_eq!([media_lines(&told), media_lines(&heard)], [expected, expected]);
        let [told, heard] = call.exchange(0, &over, &over).expect("speech again");
        let expected = ["m=audio 10000 RTP/AVP 8", "m=image 0 udptl t38"];
        assert_eq!([media_lines(&told), media_lines(&heard)], [expected, expected]);
    }
    let [told, heard] = call.exchange(0, &both, &over).expect("the fax is declined");
    assert_eq!(media_lines(&told), ["m=audio 10000 RTP/AVP 8", "m=image 10002 udptl t38"]);
    assert_eq!(media_lines(&heard), ["m=audio 10000 RTP/AVP 8", "m=image 0 udptl t38"]);
    assert_eq!(call.lines.streams(), 2);
}

#[test]
fn a_fax_that_a_trunk_denies_is_refused() {
    let denied = || Call::between((&["PCMA"], &[]), (&[], &["t38"]));
    assert_eq!(denied().offer(0, &format!("{HEAD}{FAX}")).err(), Some(SdpError::NoCommonCodec));
    let both = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n{FAX}");
    let [told, heard] = denied().exchange(0, &both, &both).expect("speech");
    assert_eq!(media_lines(&told), ["m=audio 10000 RTP/AVP 8"]);
    assert_eq!(media_lines(&heard), ["m=audio 10000 RTP/AVP 8", "m=image 0 udptl t38"]);
}

#[test]
fn lines_that_are_not_relayed_are_refused_in_their_places() {
    let others = "m=message 2855 TCP/MSRP *\r\nm=audio 4000/2 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\n\
                  m=audio 4004 RTP/AVP 0\r\nm=image 4006 tcp t38\r\nm=x-unknown 9 X/Y z\r\n";
    let mut call = Call::new();
    let answer = format!("{HEAD}m=audio 7000 RTP/AVP 8\r\n");
    let [told, heard] = call.exchange(0, &format!("{HEAD}{others}"), &answer).expect("one line of speech");
    assert_eq!(media_lines(&told), ["m=audio 10000 RTP/AVP 8"]);
    let expected = [
        "m=message 0 TCP/MSRP *",
        "m=audio 0 RTP/AVP 8",
        "m=audio 10000 RTP/AVP 8",
        "m=audio 0 RTP/AVP 0",
        "m=image 0 tcp t38",
        "m=x-unknown 0 X/Y z",
    ];
    assert_eq!(media_lines(&heard), expected);
}

#[test]
fn a_line_of_a_refused_kind_can_be_used_again_by_another() {
    let mut call = Call::new();
    let speech = format!("{HEAD}m=audio 4000 RTP/AVP 8\r\n");
    call.exchange(0, &format!("{speech}m=video 5000 RTP/AVP 97\r\n"), &speech).expect("speech");
    let fax = format!("{HEAD}m=audio 0 RTP/AVP 8\r\n{FAX}");
    let [told, heard] = call.exchange(0, &fax, &fax).expect("fax in the line of the video");
    let expected = ["m=audio 0 RTP/AVP 8", "m=image 10002 udptl t38"];
    assert_eq!([media_lines(&told), media_lines(&heard)], [expected, expected]);
}
