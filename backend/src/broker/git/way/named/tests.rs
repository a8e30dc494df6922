//! What the operator may write, and how it is shown.

use proptest::prelude::*;

use super::Named;

#[test]
fn what_the_operator_names_is_read_and_shown_the_same() {
    for (written, shown) in [
        (" Git.Internal. ", "git.internal"),
        ("bücher.internal:3000", "xn--bcher-kva.internal:3000"),
        ("10.1.2.0/24", "10.1.2.0/24"),
        ("10.1.2.0/24:22", "10.1.2.0/24:22"),
        ("10.1.2.3:3000", "10.1.2.3:3000"),
        ("fd00::/8", "fd00::/8"),
        ("[fd00::/8]:22", "[fd00::/8]:22"),
        ("[::1]", "::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("localhost:8080", "localhost:8080"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ] {
        let named: Named = written.parse().unwrap();
        assert_eq!(named.to_string(), shown);
        assert_eq!(shown.parse(), Ok(named));
    }
    for (wrong, why) in [
        ("", "empty"),
        ("https://git.internal", "port"),
        ("git.internal/x", "letters"),
        ("me@git.internal", "letters"),
        ("*.internal", "letters"),
        ("127.1", "number"),
        ("git.internal:0", "port"),
        ("git.internal:+22", "port"),
        ("git.internal:", "port"),
        ("[git.internal]:22", "brackets"),
        ("[fd00::1", "brackets"),
        ("10.1.2.3/24", "10.1.2.0/24"),
        ("169.254.169.254", "metadata"),
        ("169.254.0.0/16", "metadata"),
        ("[fe80::1]:22", "metadata"),
        ("fd00:ec2::/32", "metadata"),
        ("64:ff9b::169.254.169.254", "metadata"),
    ] {
        let refused = wrong.parse::<Named>().expect_err(wrong);
        assert!(refused.contains(why), "{wrong}: {refused}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_name_or_a_short_reason(text in ".{0,80}") {
        match text.parse::<Named>() {
            Ok(named) => prop_assert_eq!(named.to_string().parse(), Ok(named)),
            Err(why) => prop_assert!(!why.is_empty() && why.len() < 300),
        }
    }
}
