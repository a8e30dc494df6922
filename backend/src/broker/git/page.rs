//! The words of an error page: its text without marks, scripts and styles. Pure, and for hostile input.

use api::executor::words as shown;

/// Elements whose text nobody sees.
const UNSEEN: [&str; 4] = ["script", "style", "svg", "noscript"];

/// What a person would read on the page.
pub(super) fn words(page: &[u8]) -> String {
    let page = String::from_utf8_lossy(page);
    let (mut text, mut rest) = (String::new(), page.as_ref());
    while let Some((before, mark)) = rest.split_once('<') {
        text.push_str(before);
        if let Some(comment) = mark.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let Some((inside, after)) = mark.split_once('>') else {
            rest = "";
            break;
        };
        let name = inside.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        // Marks within a line do not break it.
        text.push_str(if matches!(name.as_str(), "a" | "b" | "code" | "em" | "i" | "span" | "strong") {
            ""
        } else {
            "\n"
        });
        let unseen = UNSEEN.contains(&name.as_str()) && !inside.starts_with('/');
        rest = if unseen { skip(after, &name) } else { after };
    }
    text.push_str(rest);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = letters(&line.split_whitespace().collect::<Vec<_>>().join(" "));
        // The title and the heading often say the same.
        if !line.is_empty() && lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    shown(lines.join("\n").as_bytes())
}

/// What follows the end of this element.
fn skip<'a>(text: &'a str, name: &str) -> &'a str {
    let end = format!("</{name}");
    let at = text.char_indices().map(|(at, _)| at).find(|&at| {
        text.as_bytes()[at..].get(..end.len()).is_some_and(|part| part.eq_ignore_ascii_case(end.as_bytes()))
    });
    at.map_or("", |at| &text[at..])
}

fn letters(line: &str) -> String {
    let pairs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    pairs.iter().fold(line.to_owned(), |line, (from, to)| line.replace(from, to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::words;

    #[test]
    fn a_page_is_what_a_person_reads_on_it() {
        let page = b"<!DOCTYPE html><html><head><title>413 Request Entity Too Large</title><style>a { b: c }</style>\
                     </head><body><!-- a < b --><center><h1>413 Request Entity Too Large</h1></center>\
                     <script>x = '<p>no</p>'</SCRIPT><p>Ask <b>us</b> &amp; wait</p><hr>nginx</body></html>";
        assert_eq!(words(page), "413 Request Entity Too Large\nAsk us & wait\nnginx");
    }

    proptest! {
        #[test]
        fn any_page_can_be_read(page in "(<|>|</|script|style|!--|-->|&amp;|é|\\PC| ){0,40}") {
            words(page.as_bytes());
        }
    }
}
