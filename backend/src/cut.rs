//! Texts of others, cut to what there is place for.

/// Cuts a text to at most so many bytes, between two characters, and says in them how long it was. A text that was cut
/// stays as it is when it is cut again.
pub(crate) fn cut(text: &mut String, most: usize) {
    if most < text.len() {
        let mark = format!("… ({} bytes)", text.len());
        match most.checked_sub(mark.len()) {
            Some(left) => {
                text.truncate(text.floor_char_boundary(left));
                text.push_str(&mark);
            }
            None => text.truncate(text.floor_char_boundary(most)),
        }
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_how_long_it_was() {
        for (text, most, cut_to) in [
            ("short", 16, "short"),
            ("ääääääää", 16, "ääääääää"),
            ("äääääääää", 17, "ä… (18 bytes)"),
            ("12äääääää", 15, "1… (16 bytes)"),
            ("äääää", 3, "ä"),
        ] {
            let mut text = text.to_owned();
            cut(&mut text, most);
            assert_eq!(text, cut_to);
        }
    }

    proptest! {
        #[test]
        fn what_was_cut_fits_and_is_not_cut_again(text in ".{0,60}", most in 0..80_usize) {
            let mut once = text.clone();
            cut(&mut once, most);
            prop_assert!(once.len() <= most);
            prop_assert!(text == once || most < text.len());
            let mut twice = once.clone();
            cut(&mut twice, most);
            prop_assert_eq!(once, twice);
        }
    }
}
