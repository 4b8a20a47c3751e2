//! Markdown to running text.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// What a block of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::builtin) enum BlockKind {
    /// A heading of any level.
    Heading,
    /// A paragraph, a list item or a quotation.
    Prose,
}

/// A block with its markup removed and its white space made single.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builtin) struct Block {
    /// Heading or prose.
    pub kind: BlockKind,
    /// Never empty.
    pub text: String,
}

/// The prose of a Markdown or plain text, in order.
///
/// Fenced code, tables, HTML, front matter and image captions are left out: they do not read as sentences. Indented
/// blocks count as prose, since in plain text an indentation says nothing.
pub(in crate::builtin) fn blocks(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader::default();
    for event in Parser::new_ext(text, options) {
        reader.take(event);
    }
    reader.close();
    reader.blocks
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    text: String,
    in_heading: bool,
    /// How many elements that are left out enclose this place.
    skipped: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.open(&tag),
            Event::End(end) => self.end(end),
            Event::Text(text) | Event::Code(text) if self.skipped == 0 => self.text.push_str(&text),
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            Event::Rule => self.close(),
            _ => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        if leaves_out(tag) {
            self.skipped += 1;
        }
        if !is_inline(tag) {
            self.close();
            self.in_heading = matches!(tag, Tag::Heading { .. });
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Table | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) | TagEnd::Image => self.skipped -= 1,
            // Only fenced blocks were counted, and nothing can be open inside a code block.
            TagEnd::CodeBlock => self.skipped = self.skipped.saturating_sub(1),
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link => return,
            _ => {}
        }
        if !matches!(end, TagEnd::Image) {
            self.close();
            self.in_heading = false;
        }
    }

    fn close(&mut self) {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        if !words.is_empty() {
            let kind = if self.in_heading {
                BlockKind::Heading
            } else {
                BlockKind::Prose
            };
            self.blocks.push(Block {
                kind,
                text: words.join(" "),
            });
        }
        self.text.clear();
    }
}

fn leaves_out(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::CodeBlock(CodeBlockKind::Fenced(_))
            | Tag::Table(_)
            | Tag::HtmlBlock
            | Tag::MetadataBlock(_)
            | Tag::Image { .. }
    )
}

fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(markdown: &str) -> Vec<String> {
        blocks(markdown).into_iter().map(|block| block.text).collect()
    }

    #[test]
    fn markup_goes_and_words_stay() {
        assert_eq!(
            texts(
                "# A *fine* title\n\nSome `code`, a [link](https://x.y) and\na second line.\n\n- one\n- two\n"
            ),
            [
                "A fine title",
                "Some code, a link and a second line.",
                "one",
                "two"
            ]
        );
        assert_eq!(blocks("# Title\n\ntext")[0].kind, BlockKind::Heading);
        assert_eq!(blocks("# Title\n\ntext")[1].kind, BlockKind::Prose);
    }

    #[test]
    fn what_does_not_read_as_sentences_is_left_out() {
        let markdown = "---\ntitle: x\n---\n\nBefore.\n\n```rust\nlet code = 1;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<div>\nhtml\n</div>\n\n![alt](image.png)\n\nAfter.\n";
        assert_eq!(texts(markdown), ["Before.", "After."]);
    }

    #[test]
    fn indented_plain_text_is_prose() {
        assert_eq!(
            texts("First.\n\n    Second, indented.\n\nThird."),
            ["First.", "Second, indented.", "Third."]
        );
    }
}
