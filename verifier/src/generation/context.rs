//! The context of a generation: both lengths, and the caller's bytes.

use super::GenerationError;

/// First bytes of the context of a generation.
pub const TAG: &[u8; 16] = b"lemma generation";

/// The context bytes of a generation.
pub fn context(prompt: u32, length: u32, caller: &[u8]) -> Vec<u8> {
    [&TAG[..], &prompt.to_be_bytes(), &length.to_be_bytes(), caller].concat()
}

/// The context of a generation, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens of prompt and text.
    pub length: u32,
    /// The caller's bytes.
    pub caller: &'a [u8],
}

/// Takes the context of a generation apart; `None` for the context of anything else.
///
/// # Errors
/// [`GenerationError::CutShort`].
pub fn split_context(bytes: &[u8]) -> Result<Option<Parts<'_>>, GenerationError> {
    let Some(rest) = bytes.strip_prefix(TAG) else { return Ok(None) };
    let lengths = rest
        .split_first_chunk::<4>()
        .and_then(|(prompt, rest)| Some((prompt, rest.split_first_chunk::<4>()?)));
    let (prompt, (length, caller)) = lengths.ok_or(GenerationError::CutShort)?;
    Ok(Some(Parts {
        prompt: u32::from_be_bytes(*prompt),
        length: u32::from_be_bytes(*length),
        caller,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_comes_apart_as_it_was_put_together() {
        let bytes = context(5, 60, b"nonce");
        assert_eq!(
            split_context(&bytes),
            Ok(Some(Parts { prompt: 5, length: 60, caller: &b"nonce"[..] }))
        );
        assert_eq!(split_context(b"nonce"), Ok(None));
    }
}
