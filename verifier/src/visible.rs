//! Text from outside, as a reader may see it.
//!
//! Names of models, tensors and layers, labels, prompts, paths and what other programs say come
//! from whoever made a file. On a terminal a line break in one forges a line of the output, an
//! escape sequence erases what stands above it, and a bidirectional mark shows it in another order.
//! So whatever is printed passes through here: [`visible`] where a text is set into a line,
//! [`quoted`] where it stands as a text, [`one_line`] and [`printable`] for messages and whole
//! outputs that hold such texts, [`comment`] for comments of generated source.

/// Characters that move the cursor, change the order or cannot be seen: ranges of code points, ends
/// included.
const HIDDEN: [(u32, u32); 21] = [
    (0x00, 0x1f), // control characters, escape and line breaks among them
    (0x7f, 0x9f), // delete and the control characters above it
    (0xad, 0xad), // soft hyphen
    (0x34f, 0x34f),
    (0x61c, 0x61c), // Arabic letter mark
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f), // zero width, left-to-right and right-to-left marks
    (0x2028, 0x202e), // line and paragraph separators, embeddings and overrides
    (0x2060, 0x206f), // isolates
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xe000, 0xf8ff), // private use
    (0xfeff, 0xfeff), // byte order mark
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff), // tags and further variation selectors
    (0xf0000, 0x10ffff),
];

fn hidden(character: char) -> bool {
    let code = u32::from(character);
    HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&code))
}

fn escaped(text: &str, escape: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            _ if !escape(character) => out.push(character),
            '\n' | '\r' | '\t' | '\\' | '"' => out.extend(character.escape_default()),
            _ => out.extend(character.escape_unicode()),
        }
    }
    out
}

/// A text set into a line, between backticks or bare: what is hidden, backslashes and backticks are
/// escaped, so that two texts are never shown alike and none ends its own quotation.
pub fn visible(text: &str) -> String {
    escaped(text, |character| hidden(character) || matches!(character, '\\' | '`'))
}

/// A text in double quotes.
pub fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        escaped(text, |character| hidden(character) || matches!(character, '\\' | '"'))
    )
}

/// A message on one line: what is hidden is escaped.
pub fn one_line(text: &str) -> String {
    escaped(text, hidden)
}

/// An output of several lines: what is hidden is escaped, line breaks stay. The texts in it have
/// passed [`visible`] or [`quoted`]; this is the net below them.
pub fn printable(text: &str) -> String {
    escaped(text, |character| hidden(character) && character != '\n')
}

/// A text in double quotes in a comment of generated source: printable ASCII, without what ends the
/// quotes or a comment, or stands for something in a template.
pub fn comment(text: &str) -> String {
    escaped(text, |character| {
        !(' '..='~').contains(&character) || matches!(character, '\\' | '"' | '*' | '{' | '}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forges_lines_or_hides_is_escaped() {
        assert_eq!(
            visible("a\nverified\x1b[2K\u{202e}`\\"),
            r"a\nverified\u{1b}[2K\u{202e}\u{60}\\"
        );
        assert_eq!(quoted("say \"a\"\r\n"), r#""say \"a\"\r\n""#);
        assert_eq!(one_line("a `b`\n\"c\""), r#"a `b`\n"c""#);
        assert_eq!(printable("a\nb\tc\u{9b}2K"), "a\nb\\tc\\u{9b}2K");
        assert_eq!(
            comment("a*/\u{2028}{{b}} é\""),
            r#"a\u{2a}/\u{2028}\u{7b}\u{7b}b\u{7d}\u{7d} \u{e9}\""#
        );
        for hidden in
            "\0\u{7f}\u{85}\u{ad}\u{61c}\u{200b}\u{200e}\u{2029}\u{2066}\u{feff}\u{e0041}\u{10ffff}"
                .chars()
        {
            for shown in [visible, quoted, one_line, printable, comment]
                .map(|show| show(&hidden.to_string()))
            {
                assert!(shown.contains('\\') && !shown.contains(hidden), "{hidden:?}");
            }
        }
    }

    #[test]
    fn what_can_be_seen_stays() {
        let text = "Zürich, 日本 ไทย नमस्ते «é» 🙂 e\u{301}";
        for shown in [visible(text), one_line(text), printable(text)] {
            assert_eq!(shown, text);
        }
        assert_eq!(quoted(text), format!("\"{text}\""));
    }

    #[test]
    fn two_texts_are_never_shown_alike() {
        let texts = ["a\n", "a\\n", "a\\\n", "a\u{a0}", "a`", "a\\u{60}", "a", "a\u{200b}"];
        for show in [visible, quoted, comment] {
            let shown: std::collections::BTreeSet<String> =
                texts.iter().map(|text| show(text)).collect();
            assert_eq!(shown.len(), texts.len(), "{shown:?}");
        }
    }
}
