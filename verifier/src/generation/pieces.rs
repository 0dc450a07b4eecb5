//! The text of named tokens.

/// The piece that begins a text in llama2.c.
pub const FIRST: &str = "<s>";

/// Pieces that are no text; some files have line breaks around them.
const SPECIAL: [&str; 3] = ["<unk>", FIRST, "</s>"];

/// The text of pieces: `<0x0A>` is a byte, `<unk>`, `<s>` and `</s>` are nothing, and neither is a
/// space right after `<s>`. Several lists of pieces have one text, so a text does not tell its
/// tokens.
pub fn join_pieces<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut bytes = Vec::new();
    let mut begins = false;
    for name in names {
        let special = SPECIAL.contains(&name.trim());
        match byte_of(name) {
            Some(byte) => bytes.push(byte),
            None if special => {}
            None if begins => {
                bytes.extend_from_slice(name.strip_prefix(' ').unwrap_or(name).as_bytes())
            }
            None => bytes.extend_from_slice(name.as_bytes()),
        }
        begins = name.trim() == FIRST;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The byte that a piece like `<0x0A>` stands for.
pub fn byte_of(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2 && !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_is_left_out_after_the_start_alone() {
        assert_eq!(join_pieces(["<s>", " a", " b"]), "a b");
        assert_eq!(join_pieces([" a", " b"]), " a b");
        assert_eq!(join_pieces(["<s>", "<0x0A>", " b"]), "\n b");
        assert_eq!(join_pieces(["<s>", " ", "<0xC3>", "<0xA4>", "</s>"]), "ä");
    }

    #[test]
    fn a_byte_has_two_digits() {
        assert_eq!(byte_of("<0x0A>"), Some(10));
        for other in ["<0xA>", "<0x00A>", "<0x+A>", "<0x0A", "0x0A>", "<0xGG>"] {
            assert_eq!(byte_of(other), None, "{other}");
        }
    }
}
