//! Texts of others, cut to what there is place for.

/// Cuts a text to about so many bytes, between two characters, and says how long it was.
pub(crate) fn cut(text: &mut String, most: usize) {
    if most < text.len() {
        let whole = text.len();
        text.truncate(text.floor_char_boundary(most));
        text.push_str(&format!("… ({whole} bytes)"));
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_how_long_it_was() {
        for (text, cut_to) in [
            ("short", "short"),
            ("ääää", "ääää"),
            ("äääää", "ääää… (10 bytes)"),
            ("1234567ä", "1234567… (9 bytes)"),
        ] {
            let mut text = text.to_owned();
            cut(&mut text, 8);
            assert_eq!(text, cut_to);
        }
    }
}
