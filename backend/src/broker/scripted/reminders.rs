//! The agent puts notes of its own between a human's words, as `<system-reminder>…</system-reminder>`
//! and the like. A script's patterns are about the human's words only.

use std::collections::HashMap;

/// A tag of such a note, by position.
struct Tag<'a> {
    name: &'a str,
    closes: bool,
    start: usize,
    end: usize,
}

/// The text without the notes and without white space around it. Takes linear time: the text is hostile.
pub(super) fn strip(text: &str) -> String {
    let tags = tags(text).collect::<Vec<_>>();
    let mut closings = HashMap::<&str, Vec<&Tag<'_>>>::new();
    for tag in tags.iter().filter(|tag| tag.closes) {
        closings.entry(tag.name).or_default().push(tag);
    }
    let (mut kept, mut at) = (String::new(), 0);
    for opening in tags.iter().filter(|tag| !tag.closes) {
        let closings = closings.get(opening.name).map(Vec::as_slice).unwrap_or_default();
        let first = closings.partition_point(|closing| closing.start < opening.end);
        if let Some(closing) = closings.get(first).filter(|_| at <= opening.start) {
            kept.push_str(&text[at..opening.start]);
            at = closing.end;
        }
    }
    kept.push_str(&text[at..]);
    kept.trim().to_owned()
}

fn tags(text: &str) -> impl Iterator<Item = Tag<'_>> {
    text.match_indices('<').filter_map(|(start, _)| {
        let rest = &text[start + 1..];
        let inner = rest.strip_prefix('/').unwrap_or(rest);
        let length = inner.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))?;
        let (name, after) = inner.split_at(length);
        let is_tag = after.starts_with('>') && is_note(name);
        let end = start + 1 + (rest.len() - inner.len()) + length + 1;
        is_tag.then_some(Tag { name, closes: rest.len() != inner.len(), start, end })
    })
}

fn is_note(name: &str) -> bool {
    let kind = name.strip_prefix("local-command-").or_else(|| name.strip_prefix("command-"));
    name == "system-reminder" || kind.is_some_and(|kind| !kind.is_empty() && !kind.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn notes_of_the_agent_are_not_the_humans_words() {
        let text = "<system-reminder>a\nb</system-reminder>\n Do it <command-name>/x</command-name>now ";
        assert_eq!(strip(text), "Do it now");
        assert_eq!(strip("a<local-command-stdout>b</local-command-stdout>c"), "ac");
    }

    #[test]
    fn what_is_not_a_whole_note_stays() {
        for text in
            ["<system-reminder>a", "a</system-reminder>", "<command->a</command->", "<b>a</b>", "1 < 2", "<"]
        {
            assert_eq!(strip(text), text);
        }
        assert_eq!(strip("<command-x><command-y>a</command-y>"), "<command-x>");
        assert_eq!(strip("<command-x>a<command-x>b</command-x>c</command-x>"), "c</command-x>");
    }
}
