//! `tokenizer.bin` of llama2.c: pieces with scores.
//!
//! The file is the length of the longest piece (`u32`, little-endian), then per piece a score
//! (`f32`), a length (`i32`) and UTF-8 bytes. Pieces 0 to 2 are unknown, start and end; `<0x00>` to
//! `<0xFF>` from 3 on are bytes. A text is a space and its characters (bytes, where a character is
//! no piece); then, again and again, the two neighbours whose union is the piece of highest score
//! become that piece, the leftmost on ties.

use std::collections::{BinaryHeap, HashMap};

use lemma_verifier::generation::byte_of;

use super::TextProblem;

/// The token that begins a text in llama2.c.
pub const START: u32 = 1;

/// The tokens at which a text ends: the next one begins, or the end.
pub const ENDS: [u32; 2] = [START, 2];

/// The piece of byte 0.
const FIRST_BYTE: u32 = 3;

#[derive(Clone, Debug)]
pub struct Pieces {
    pieces: Vec<(String, f32)>,
    ids: HashMap<String, u32>,
}

/// Two neighbours that could become one; the greatest is merged first.
struct Merge {
    score: f32,
    left: usize,
    right: usize,
    /// The ids that the two had: when either has changed, this is stale.
    from: (u32, u32),
    into: u32,
}

impl PartialEq for Merge {
    fn eq(&self, other: &Merge) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Merge {}

impl PartialOrd for Merge {
    fn partial_cmp(&self, other: &Merge) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Merge {
    fn cmp(&self, other: &Merge) -> std::cmp::Ordering {
        // Scores are finite.
        let scores = self.score.partial_cmp(&other.score).unwrap_or(std::cmp::Ordering::Equal);
        scores.then(other.left.cmp(&self.left))
    }
}

/// Tokens as a doubly linked list over their first positions.
struct Chain {
    ids: Vec<Option<u32>>,
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl Pieces {
    pub fn parse(bytes: &[u8]) -> Result<Pieces, TextProblem> {
        let malformed = |problem: String| TextProblem::Malformed(problem);
        let word = |rest: &mut &[u8]| -> Option<u32> {
            let (word, tail) = rest.split_first_chunk::<4>()?;
            *rest = tail;
            Some(u32::from_le_bytes(*word))
        };
        let mut rest = bytes;
        word(&mut rest).ok_or_else(|| malformed("the file is cut short".into()))?;
        let mut pieces: Vec<(String, f32)> = Vec::new();
        while !rest.is_empty() {
            let at = pieces.len();
            let short = || malformed(format!("piece {at} is cut short"));
            let score = f32::from_bits(word(&mut rest).ok_or_else(short)?);
            let length = word(&mut rest).ok_or_else(short)? as usize;
            let (piece, tail) = rest.split_at_checked(length).ok_or_else(short)?;
            rest = tail;
            let piece = std::str::from_utf8(piece)
                .map_err(|error| malformed(format!("piece {at}: {error}")))?;
            if !score.is_finite() {
                return Err(malformed(format!("piece {at} has the score {score}")));
            }
            pieces.push((piece.to_owned(), score));
        }
        if pieces.len() <= FIRST_BYTE as usize {
            return Err(malformed(format!("{} pieces are too few", pieces.len())));
        }
        let mut ids = HashMap::with_capacity(pieces.len());
        for (id, (piece, _)) in (0..).zip(&pieces) {
            ids.entry(piece.clone()).or_insert(id);
        }
        Ok(Pieces { pieces, ids })
    }

    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TextProblem> {
        let mut ids = Vec::new();
        if !text.is_empty() {
            ids.extend(self.ids.get(" "));
        }
        let mut buffer = [0; 4];
        for (position, character) in text.chars().enumerate() {
            let piece: &str = character.encode_utf8(&mut buffer);
            match self.ids.get(piece) {
                Some(id) => ids.push(*id),
                None => {
                    for value in piece.bytes() {
                        let id = FIRST_BYTE + u32::from(value);
                        if self.piece(id).and_then(byte_of) != Some(value) {
                            return Err(TextProblem::Unencodable { character, position });
                        }
                        ids.push(id);
                    }
                }
            }
        }
        Ok(self.merge(ids))
    }

    pub fn piece(&self, id: u32) -> Option<&str> {
        self.pieces.get(id as usize).map(|(piece, _)| piece.as_str())
    }

    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    fn merge(&self, ids: Vec<u32>) -> Vec<u32> {
        let count = ids.len();
        let mut chain = Chain {
            ids: ids.into_iter().map(Some).collect(),
            next: (1..=count).collect(),
            previous: (0..count).map(|at| at.wrapping_sub(1)).collect(),
        };
        let mut waiting: BinaryHeap<Merge> =
            (0..count).filter_map(|left| self.candidate(&chain, left)).collect();
        while let Some(merge) = waiting.pop() {
            let Merge { left, right, from, into, .. } = merge;
            if (chain.ids[left], chain.ids[right]) != (Some(from.0), Some(from.1))
                || chain.next[left] != right
            {
                continue;
            }
            chain.ids[left] = Some(into);
            chain.ids[right] = None;
            let after = chain.next[right];
            chain.next[left] = after;
            if let Some(previous) = chain.previous.get_mut(after) {
                *previous = left;
            }
            waiting.extend(self.candidate(&chain, left));
            waiting.extend(self.candidate(&chain, chain.previous[left]));
        }
        chain.ids.into_iter().flatten().collect()
    }

    /// The token at `left` with the one after it, if their union is a piece.
    fn candidate(&self, chain: &Chain, left: usize) -> Option<Merge> {
        let right = *chain.next.get(left)?;
        let from = ((*chain.ids.get(left)?)?, (*chain.ids.get(right)?)?);
        let union = [self.piece(from.0)?, self.piece(from.1)?].concat();
        let into = *self.ids.get(&union)?;
        let score = self.pieces.get(into as usize)?.1;
        Some(Merge { score, left, right, from, into })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tokenizer;
    use super::*;

    fn file(pieces: &[(&str, f32)]) -> Vec<u8> {
        let mut bytes = 8u32.to_le_bytes().to_vec();
        for (piece, score) in pieces {
            bytes.extend(score.to_le_bytes());
            bytes.extend((piece.len() as u32).to_le_bytes());
            bytes.extend(piece.as_bytes());
        }
        bytes
    }

    /// Bytes, letters, and merges of rising and equal score.
    fn tokenizer() -> Vec<u8> {
        let bytes: Vec<String> = (0..256).map(|value| format!("<0x{value:02X}>")).collect();
        let mut pieces = vec![("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0)];
        pieces.extend(bytes.iter().map(|name| (name.as_str(), 0.0)));
        pieces.extend([(" ", -50.0), ("a", -51.0), ("b", -52.0), ("c", -53.0)]);
        pieces.extend([
            ("ab", -2.0),
            ("bc", -1.0),
            ("aa", -2.0),
            (" a", -9.0),
            ("abc", 3.0),
            ("abab", -8.0),
        ]);
        file(&pieces)
    }

    /// The rule as it is stated, in the obvious way.
    fn slowly(pieces: &Pieces, text: &str) -> Vec<u32> {
        let single = |c: char| pieces.ids[&c.to_string()];
        let mut ids: Vec<u32> = std::iter::once(' ').chain(text.chars()).map(single).collect();
        loop {
            let mut best: Option<(f32, usize, u32)> = None;
            for (at, pair) in ids.windows(2).enumerate() {
                let union =
                    format!("{}{}", pieces.piece(pair[0]).unwrap(), pieces.piece(pair[1]).unwrap());
                if let Some(id) = pieces.ids.get(&union) {
                    let score = pieces.pieces[*id as usize].1;
                    if best.is_none_or(|(highest, ..)| score > highest) {
                        best = Some((score, at, *id));
                    }
                }
            }
            let Some((_, at, id)) = best else { return ids };
            ids.splice(at..at + 2, [id]);
        }
    }

    #[test]
    fn merges_the_highest_score_and_the_leftmost_first() {
        let pieces = Pieces::parse(&tokenizer()).unwrap();
        for number in 0..3usize.pow(8) {
            let text: String =
                (0..8).map(|at| ["a", "b", "c"][number / 3usize.pow(at) % 3]).collect();
            assert_eq!(pieces.encode(&text).unwrap(), slowly(&pieces, &text), "{text}");
        }
    }

    #[test]
    fn what_is_no_piece_becomes_bytes_and_comes_back() {
        let tokenizer = Tokenizer::from_bytes(tokenizer()).unwrap();
        for text in ["abc", "ä\nb c", "", "  a", "日本"] {
            let tokens = tokenizer.encode(text, 100).unwrap();
            let ids = tokens.ids;
            assert_eq!((ids[0], ids.len()), (START, tokens.whole));
            assert_eq!(tokenizer.decode(&ids), text);
        }
    }

    #[test]
    fn a_character_without_piece_and_bytes_is_named() {
        let pieces =
            Pieces::parse(&file(&[("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("a", 0.0)]))
                .unwrap();
        assert!(matches!(
            pieces.encode("ab"),
            Err(TextProblem::Unencodable { character: 'b', position: 1 })
        ));
    }

    #[test]
    fn rejects_damaged_files() {
        let whole = tokenizer();
        for length in (0..40).chain(whole.len() - 20..whole.len()) {
            // A cut between pieces leaves a file of fewer pieces.
            if let Ok(pieces) = Pieces::parse(&whole[..length]) {
                assert!(pieces.len() > 3 && pieces.len() < 269, "{length}");
            }
        }
        assert!(Pieces::parse(&whole[..whole.len() - 1]).is_err());
        let huge = [&8u32.to_le_bytes()[..], &0f32.to_le_bytes(), &u32::MAX.to_le_bytes()].concat();
        assert!(Pieces::parse(&huge).is_err());
        assert!(
            Pieces::parse(&file(&[("a", f32::NAN), ("b", 0.0), ("c", 0.0), ("d", 0.0)])).is_err()
        );
    }

    /// Token ids that the reference implementation gives.
    #[test]
    fn the_story_tokenizer_agrees_with_its_reference() {
        let Some(path) = lemma_testkit::model_file("stories260K/tok512.bin") else { return };
        let tokenizer = Tokenizer::read(&path).unwrap();
        assert_eq!(tokenizer.vocabulary(), 512);
        assert_eq!(tokenizer.encode("Once upon a time", 64).unwrap().ids, [1, 403, 407, 261, 378]);
        for text in ["One day, she saw a big, red ball.\n", "Zürich €5 🙂"] {
            assert_eq!(tokenizer.decode(&tokenizer.encode(text, 64).unwrap().ids), text);
        }
    }
}
