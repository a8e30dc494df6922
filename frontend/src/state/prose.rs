//! What the agent writes, cut into paragraphs, headings, lists' lines and code; nothing in it is ever HTML.

/// A block of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// Running text.
    Paragraph(Vec<Span>),
    /// A line that heads what follows.
    Heading(Vec<Span>),
    /// Code between fences, without them.
    Code(String),
}

/// A piece of running text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// Plain words.
    Plain(String),
    /// Between backticks.
    Code(String),
    /// Between double asterisks.
    Strong(String),
}

/// Cuts a text into blocks. A fence that is still open, as in a text that is being written, ends with the text.
pub(crate) fn read(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let bare = line.trim();
        if bare.starts_with("```") {
            end_paragraph(&mut paragraph, &mut blocks);
            let code: Vec<_> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
            blocks.push(Block::Code(code.join("\n")));
        } else if bare.is_empty() {
            end_paragraph(&mut paragraph, &mut blocks);
        } else if let Some(heading) = heading(bare) {
            end_paragraph(&mut paragraph, &mut blocks);
            blocks.push(Block::Heading(spans(heading)));
        } else {
            paragraph.push(line);
        }
    }
    end_paragraph(&mut paragraph, &mut blocks);
    blocks
}

fn end_paragraph(paragraph: &mut Vec<&str>, blocks: &mut Vec<Block>) {
    if !paragraph.is_empty() {
        blocks.push(Block::Paragraph(spans(&paragraph.join("\n"))));
        paragraph.clear();
    }
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    ((1..=6).contains(&level) && text.starts_with(' ')).then(|| text.trim())
}

/// Cuts running text at backticks and double asterisks that have a partner.
fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut rest = text;
    let mut plain_from = 0;
    while let Some(offset) = rest[plain_from..].find(['`', '*']).map(|found| plain_from + found) {
        let mark = if rest[offset..].starts_with("**") { "**" } else { "`" };
        let inside =
            rest[offset..].strip_prefix(mark).and_then(|after| after.find(mark).map(|end| &after[..end]));
        match inside {
            Some(inside) if !inside.is_empty() => {
                if 0 < offset {
                    spans.push(Span::Plain(rest[..offset].to_owned()));
                }
                let inner = inside.to_owned();
                spans.push(if mark == "`" { Span::Code(inner) } else { Span::Strong(inner) });
                rest = &rest[offset + inside.len() + 2 * mark.len()..];
                plain_from = 0;
            }
            _ => plain_from = offset + 1,
        }
    }
    if !rest.is_empty() {
        spans.push(Span::Plain(rest.to_owned()));
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Span {
        Span::Plain(text.to_owned())
    }

    #[test]
    fn paragraphs_code_and_fences_are_told_apart() {
        let blocks =
            read("All in `src/`.\nGo.\n\n## Plan\n```rust\nfn main() {}\n\n// <b>\n```\nDone **now**");
        let code = |text: &str| Span::Code(text.to_owned());
        assert_eq!(
            blocks,
            [
                Block::Paragraph(vec![plain("All in "), code("src/"), plain(".\nGo.")]),
                Block::Heading(vec![plain("Plan")]),
                Block::Code("fn main() {}\n\n// <b>".to_owned()),
                Block::Paragraph(vec![plain("Done "), Span::Strong("now".to_owned())]),
            ]
        );
    }

    #[test]
    fn marks_without_a_partner_are_plain_text() {
        for text in ["a ` b", "2 * 3 * 4", "**", "``", "é*ü`ß"] {
            assert_eq!(read(text), [Block::Paragraph(vec![plain(text)])]);
        }
    }

    #[test]
    fn an_open_fence_ends_with_the_text() {
        assert_eq!(read("```\nlet x"), [Block::Code("let x".to_owned())]);
    }
}
