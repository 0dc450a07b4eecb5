//! The tokens of a `tokenizer.json`, counted and measured without keeping the file's structure.
//!
//! The library keeps the tokens of a `Unigram` model in a tree with a node for each beginning of a
//! token and a map in each node, walks down one call a letter to drop it, and copies every token
//! that a place of a text could begin with. So tokens are short, and the nodes are counted.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Most entries of a list: tokens, or merges.
pub const MAX_ENTRIES: usize = 1 << 20;

/// Most bytes of a token.
pub const MAX_TOKEN: usize = 1 << 9;

/// Most nodes of a tree of tokens: 180 bytes each.
const MAX_NODES: usize = 1 << 20;

/// Most bytes of all added tokens together: the automaton that finds them has a state for each.
const MAX_ADDED: usize = 1 << 20;

/// Tokens with their ids, or with their scores.
pub struct Vocabulary;

/// A list of at most [`MAX_ENTRIES`] entries, which are not kept.
pub struct Counted;

/// The tokens that are added to those of the model.
pub struct Added;

/// A text that is short enough for a token.
struct Token(String);

/// A token and its score.
struct Scored(String);

#[derive(Deserialize)]
struct AddedToken {
    content: Token,
}

/// Counts one entry more.
fn bounded<E: Error>(count: &mut usize) -> Result<(), E> {
    *count += 1;
    if *count > MAX_ENTRIES {
        Err(E::custom(format!("more than {MAX_ENTRIES} entries")))
    } else {
        Ok(())
    }
}

/// Refuses a token that is too long.
fn short<E: Error>(token: &str) -> Result<(), E> {
    if token.len() <= MAX_TOKEN {
        return Ok(());
    }
    Err(E::custom(format!("a token of {} bytes; at most {MAX_TOKEN} are read", token.len())))
}

/// The number of different beginnings of some tokens.
fn nodes(tokens: &mut [String]) -> usize {
    tokens.sort_unstable();
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let first = tokens.first().map_or(0, String::len);
    first + tokens.windows(2).map(|two| two[1].len() - common(&two[0], &two[1])).sum::<usize>()
}

macro_rules! read_any {
    ($($kind:ident),*) => {$(
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$kind, D::Error> {
                deserializer.deserialize_any(Reader::<$kind>(std::marker::PhantomData))
            }
        }
    )*};
}

read_any!(Vocabulary, Counted, Added, Token, Scored);

/// The visitor of a kind.
struct Reader<T>(std::marker::PhantomData<T>);

impl<'de> Visitor<'de> for Reader<Vocabulary> {
    type Value = Vocabulary;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tokens with their ids, or a list of tokens with their scores")
    }

    fn visit_unit<E: Error>(self) -> Result<Vocabulary, E> {
        Ok(Vocabulary)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
        let mut count = 0;
        while map.next_entry::<Token, IgnoredAny>()?.is_some() {
            bounded(&mut count)?;
        }
        Ok(Vocabulary)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocabulary, A::Error> {
        let (mut count, mut tokens) = (0, Vec::new());
        while let Some(Scored(token)) = list.next_element()? {
            bounded(&mut count)?;
            tokens.push(token);
        }
        let nodes = nodes(&mut tokens);
        if nodes > MAX_NODES {
            return Err(A::Error::custom(format!(
                "the tokens have {nodes} different beginnings; at most {MAX_NODES} are read"
            )));
        }
        Ok(Vocabulary)
    }
}

impl<'de> Visitor<'de> for Reader<Scored> {
    type Value = Scored;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token and its score")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scored, A::Error> {
        let Token(token) =
            list.next_element()?.ok_or_else(|| A::Error::custom("an entry without a token"))?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scored(token))
    }
}

impl<'de> Visitor<'de> for Reader<Token> {
    type Value = Token;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }

    fn visit_str<E: Error>(self, token: &str) -> Result<Token, E> {
        short(token)?;
        Ok(Token(token.to_owned()))
    }
}

impl<'de> Visitor<'de> for Reader<Counted> {
    type Value = Counted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: Error>(self) -> Result<Counted, E> {
        Ok(Counted)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Counted, A::Error> {
        let mut count = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            bounded(&mut count)?;
        }
        Ok(Counted)
    }
}

impl<'de> Visitor<'de> for Reader<Added> {
    type Value = Added;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tokens")
    }

    fn visit_unit<E: Error>(self) -> Result<Added, E> {
        Ok(Added)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Added, A::Error> {
        let mut bytes = 0;
        while let Some(AddedToken { content: Token(token) }) = list.next_element()? {
            bytes += token.len() + 1;
            if bytes > MAX_ADDED {
                return Err(A::Error::custom(format!(
                    "more than {MAX_ADDED} bytes of added tokens"
                )));
            }
        }
        Ok(Added)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Tokenizer;
    use super::*;

    fn file(model: &str, added: &str) -> Vec<u8> {
        let nothing = r#""truncation":null,"padding":null,"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null"#;
        format!(r#"{{"version":"1.0",{nothing},"added_tokens":{added},"model":{model}}}"#)
            .into_bytes()
    }

    fn refused(model: &str, added: &str) -> String {
        Tokenizer::from_bytes(file(model, added)).unwrap_err().to_string()
    }

    fn unigram(tokens: impl Iterator<Item = String>) -> String {
        let list: Vec<String> = tokens.map(|token| format!("[\"{token}\",-1.0]")).collect();
        format!(r#"{{"type":"Unigram","unk_id":0,"vocab":[{}]}}"#, list.join(","))
    }

    #[test]
    fn nodes_are_the_beginnings_of_tokens() {
        let mut tokens = ["abc", "abd", "b", "ab", "abc"].map(String::from);
        assert_eq!(nodes(&mut tokens), 5);
        assert_eq!(nodes(&mut []), 0);
    }

    #[test]
    fn a_token_that_is_too_long_is_refused_in_every_model() {
        let long = "a".repeat(MAX_TOKEN + 1);
        let pairs = format!(r#"{{"type":"BPE","vocab":{{"{long}":0}},"merges":[]}}"#);
        let added = format!(
            r#"[{{"id":0,"content":"{long}","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}}]"#
        );
        let short = unigram(["a".to_owned()].into_iter());
        // A hundred thousand letters overflow the stack of whoever drops the tree.
        let deep = unigram(["a".repeat(1 << 20)].into_iter());
        for (model, added) in [(pairs.as_str(), "[]"), (&deep, "[]"), (&short, &added)] {
            let error = refused(model, added);
            assert!(error.contains("a token of"), "{error}");
        }
        let longest = unigram(["b".to_owned(), "a".repeat(MAX_TOKEN)].into_iter());
        assert!(Tokenizer::from_bytes(file(&longest, "[]")).is_ok());
    }

    #[test]
    fn a_tree_that_is_too_large_is_refused() {
        let token = |at: usize| format!("{at:06}{}", "a".repeat(MAX_TOKEN - 6));
        let error = refused(&unigram((0..2200).map(token)), "[]");
        assert!(error.contains("different beginnings"), "{error}");
    }

    #[test]
    fn too_many_entries_are_refused_before_they_are_kept() {
        let list = format!("[{}null]", "null,".repeat(MAX_ENTRIES));
        let error = refused(&format!(r#"{{"type":"BPE","vocab":{{}},"merges":{list}}}"#), "[]");
        assert!(error.contains("more than"), "{error}");
        let added = format!(
            "[{}]",
            vec![format!(r#"{{"content":"{}"}}"#, "a".repeat(MAX_TOKEN)); MAX_ADDED / MAX_TOKEN]
                .join(",")
        );
        let error = refused(&unigram(["a".to_owned()].into_iter()), &added);
        assert!(error.contains("added tokens"), "{error}");
    }
}
