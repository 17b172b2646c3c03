use super::*;

#[test]
fn a_number_is_stripped_then_prepended() {
    for (strip, prepend, dialled, sent) in [
        (10, "", "+442071838750", "750"),
        (0, "9", "112", "9112"),
        (3, "0", "+4420", "020"),
        (99, "x", "112", "x"),
        (1, "", "é1", "1"),
    ] {
        let rewrite = NumberRewrite { strip, prepend: prepend.to_owned() };
        assert_eq!(rewrite.apply(dialled), sent);
    }
}

#[test]
fn a_pattern_takes_whole_numbers_and_says_what_they_begin_with() {
    for (text, beginning, takes, leaves) in [
        (r"\+4420[0-9]{8}", "+4420", "+442071838750", "+4420718387501"),
        ("^112$", "112", "112", "1120"),
        ("(11[0-9])", "11", "119", "9119"),
        ("(00|\\+)49.*", "", "004930", "04930"),
        ("(004|005)9.*", "00", "00593", "0069"),
        ("0+1", "0", "0001", "01 "),
        ("0*1", "", "1", "2"),
        ("1|23", "", "23", "123"),
        ("", "", "", "1"),
    ] {
        let pattern = Pattern::new(text).unwrap();
        assert_eq!((pattern.beginning(), pattern.takes(takes)), (beginning, true), "{text}");
        assert!(!pattern.takes(leaves), "{text}");
    }
}

#[test]
fn a_pattern_is_bounded_and_its_fault_is_one_line() {
    let fault = |text: &str| Pattern::new(text).unwrap_err();
    assert_eq!(fault(&"1".repeat(257)), PatternError::TooLong { bytes: 257 });
    assert_eq!(fault("(.{99}){99}"), PatternError::TooLarge);
    for text in ["(1", "[", "1{2,1}", "\\", "(?x)1#", "\\1"] {
        let PatternError::Malformed(words) = fault(text) else { panic!("{text}") };
        assert!(!words.contains('\n') && !words.is_empty(), "{words}");
    }
    assert!(!Pattern::new("[0-9]*").unwrap().takes(&"1".repeat(129)));
}
