//! Mutations of JSON text that leave it JSON, most of the time: values are found by their places in
//! the text, and moved, dropped, doubled and changed there. Unlike a document in memory, a text can
//! have a field twice, numbers of any spelling, and space.

use std::ops::Range;

use rand::Rng as _;
use rand::seq::SliceRandom;

use crate::{Rng, bytes};

/// Strings that readers have trouble with, as they stand in a text.
const STRINGS: [&str; 18] = [
    "",
    "0x",
    "0x0",
    "0xZZ",
    r"\u0000",
    r"\u202e",
    r"\u001b[2J",
    r"\ud800",
    r"\ud83d\ude42",
    r"\/",
    "\u{e4}",
    "e\u{301}",
    "NaN",
    "-1",
    "1e400",
    "type",
    "[UNK]",
    "ffffffffffffffffffffffffffffffff",
];

/// Numbers of every spelling.
const NUMBERS: [&str; 20] = [
    "0",
    "-0",
    "0.0",
    "1.0",
    "1e0",
    "1E+2",
    "-1",
    "01",
    "1.",
    ".5",
    "1e400",
    "-1e400",
    "1e-400",
    "0.1",
    "3.4028236e38",
    "16777217",
    "1e39",
    "NaN",
    "99999999999999999999999999",
    "123456789.123456789",
];

const WORDS: [&str; 7] = ["null", "true", "false", "[]", "{}", "\"\"", "[[]]"];

/// Most times that a value is put into lists of its own.
const NESTING: usize = 1 << 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Object,
    List,
    Text,
    Number,
    Word,
}

/// A value and where it is.
#[derive(Clone, Debug)]
struct Node {
    kind: Kind,
    /// Of its key in an object.
    key: Option<Range<usize>>,
    place: Range<usize>,
    parent: usize,
}

impl Node {
    /// The value with its key.
    fn item(&self) -> Range<usize> {
        self.key.as_ref().map_or(self.place.start, |key| key.start)..self.place.end
    }
}

/// A changed document; text that is none is changed as bytes.
pub fn mutate(input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut text = input.to_vec();
    for _ in 0..[1, 1, 2, 3][rng.gen_range(0..4)] {
        match nodes(&text) {
            Some(nodes) if !nodes.is_empty() && !rng.gen_ratio(1, 24) => {
                change(&mut text, &nodes, other, rng)
            }
            _ => return bytes::mutate(&text, other, rng),
        }
    }
    text
}

/// All values of a text, each after the one that it is in; `None` for text that is no JSON at first
/// sight.
fn nodes(text: &[u8]) -> Option<Vec<Node>> {
    let mut nodes: Vec<Node> = Vec::new();
    let (mut open, mut key): (Vec<usize>, Option<Range<usize>>) = (Vec::new(), None);
    let mut at = 0;
    while at < text.len() {
        let start = at;
        at += 1;
        let kind = match text[start] {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => continue,
            b'}' | b']' => {
                nodes[open.pop()?].place.end = at;
                continue;
            }
            b'{' => Kind::Object,
            b'[' => Kind::List,
            b'"' => {
                while *text.get(at)? != b'"' {
                    at += 1 + usize::from(text[at] == b'\\');
                }
                at += 1;
                let is_in_object =
                    open.last().is_some_and(|&parent| nodes[parent].kind == Kind::Object);
                if is_in_object && key.is_none() {
                    key = Some(start..at);
                    continue;
                }
                Kind::Text
            }
            letter => {
                at += text[at..]
                    .iter()
                    .take_while(|letter| !b" \t\n\r,:]}[{\"".contains(letter))
                    .count();
                if letter.is_ascii_alphabetic() { Kind::Word } else { Kind::Number }
            }
        };
        nodes.push(Node {
            kind,
            key: key.take(),
            place: start..at,
            parent: open.last().copied().unwrap_or(usize::MAX),
        });
        if matches!(kind, Kind::Object | Kind::List) {
            open.push(nodes.len() - 1);
        }
    }
    open.is_empty().then_some(nodes)
}

fn change(text: &mut Vec<u8>, nodes: &[Node], other: &[u8], rng: &mut Rng) {
    let at = rng.gen_range(0..nodes.len());
    let node = &nodes[at];
    let place = node.place.clone();
    match rng.gen_range(0..14) {
        0 => remove(text, nodes, at),
        1 => {
            let twice = [&text[node.item()], b","].concat();
            text.splice(node.item().start..node.item().start, twice);
        }
        2 => swap(text, place, nodes[rng.gen_range(0..nodes.len())].place.clone()),
        3 => swap_keys(text, node, &nodes[rng.gen_range(0..nodes.len())], rng),
        4 => {
            let foreign = self::nodes(other).unwrap_or_default();
            if let Some(foreign) = foreign.choose(rng) {
                text.splice(place, other[foreign.place.clone()].iter().copied());
            }
        }
        5 => wrap(text, place, rng),
        6 => drop(text.splice(place, WORDS.choose(rng).unwrap_or(&"").bytes())),
        7 => drop(text.splice(place.start..place.start, *b" \n")),
        _ => scalar(text, nodes, node, rng),
    }
}

/// Takes an item out, with a comma beside it.
fn remove(text: &mut Vec<u8>, nodes: &[Node], at: usize) {
    let (item, parent) = (nodes[at].item(), nodes[at].parent);
    let mut siblings = nodes.iter().filter(|node| node.parent == parent).map(Node::item);
    let before = siblings.by_ref().take_while(|sibling| sibling.start < item.start).last();
    let after = nodes[at + 1..].iter().find(|node| node.parent == parent).map(Node::item);
    let range = match (before, after) {
        (_, Some(after)) => item.start..after.start,
        (Some(before), None) => before.end..item.end,
        _ => item,
    };
    text.drain(range);
}

/// Two values change places, unless one is in the other.
fn swap(text: &mut Vec<u8>, a: Range<usize>, b: Range<usize>) {
    let (first, second) = if a.start < b.start { (a, b) } else { (b, a) };
    if first.end <= second.start {
        let parts =
            [&text[second.clone()], &text[first.end..second.start], &text[first.clone()]].concat();
        text.splice(first.start..second.end, parts);
    }
}

/// A key becomes another one of the text, or a new one.
fn swap_keys(text: &mut Vec<u8>, node: &Node, other: &Node, rng: &mut Rng) {
    match (&node.key, &other.key) {
        (Some(key), Some(other)) if rng.gen_ratio(3, 4) => {
            let other = text[other.clone()].to_vec();
            text.splice(key.clone(), other);
        }
        (Some(key), _) => text.insert(key.end - 1, b'2'),
        _ => {}
    }
}

fn wrap(text: &mut Vec<u8>, place: Range<usize>, rng: &mut Rng) {
    let (before, after) = match rng.gen_range(0..8) {
        0 => ("{\"type\":".to_owned(), "}".to_owned()),
        1 => {
            let depth = rng.gen_range(1..=NESTING);
            ("[".repeat(depth), "]".repeat(depth))
        }
        _ => ("[".to_owned(), "]".to_owned()),
    };
    text.splice(place.end..place.end, after.bytes());
    text.splice(place.start..place.start, before.bytes());
}

/// A value without parts changes; of a list or an object, one that is like it takes its place.
fn scalar(text: &mut Vec<u8>, nodes: &[Node], node: &Node, rng: &mut Rng) {
    let place = node.place.clone();
    // One of the same kind, from elsewhere in the text.
    if rng.gen_ratio(1, 6) || matches!(node.kind, Kind::Object | Kind::List) {
        let like = nodes[rng.gen_range(0..nodes.len())].clone();
        if like.kind == node.kind && like.place.len() < 1 << 12 {
            let value = text[like.place].to_vec();
            text.splice(place, value);
        }
        return;
    }
    match node.kind {
        Kind::Number => {
            let value = number(&text[place.clone()], rng);
            text.splice(place, value.into_bytes());
        }
        Kind::Text => string(text, place.start + 1..place.end - 1, rng),
        _ => drop(text.splice(place, WORDS.choose(rng).unwrap_or(&"").bytes())),
    }
}

fn number(old: &[u8], rng: &mut Rng) -> String {
    let old = std::str::from_utf8(old).unwrap_or_default();
    let value = old.parse::<i64>().unwrap_or(0);
    match rng.gen_range(0..8) {
        0 => value.wrapping_add(1).to_string(),
        1 => value.wrapping_sub(1).to_string(),
        2 => value.wrapping_neg().to_string(),
        3 => format!("{old}{}", rng.gen_range(0..10)),
        4 => format!("{old}.0"),
        5 => (*NUMBERS.choose(rng).unwrap_or(&"")).to_owned(),
        6 => rng.gen_range(-1e3f32..1e3).to_string(),
        _ => bytes::extreme(rng).to_string(),
    }
}

/// The letters between two quotation marks.
fn string(text: &mut Vec<u8>, inner: Range<usize>, rng: &mut Rng) {
    let at = if inner.is_empty() { inner.start } else { rng.gen_range(inner.clone()) };
    let replaced = at..(at + 1).min(inner.end);
    match rng.gen_range(0..8) {
        0 => drop(text.drain(at..inner.end)),
        1 => drop(text.splice(at..at, STRINGS.choose(rng).unwrap_or(&"").bytes())),
        2 => drop(text.splice(inner, STRINGS.choose(rng).unwrap_or(&"").bytes())),
        3 => text[inner].make_ascii_uppercase(),
        4 => drop(text.drain(replaced)),
        5 => {
            let part = text[at..(at + rng.gen_range(1..=32)).min(inner.end)].to_vec();
            text.splice(at..at, part);
        }
        // A hexadecimal digit, or any letter.
        6 => drop(text.splice(replaced, [b"0123456789abcdef"[rng.gen_range(0..16)]])),
        _ => drop(text.splice(replaced, [rng.gen_range(b' '..=b'~')])),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const TEXT: &[u8] = br#"{"a": [1, -2.5e3, "x\"y"], "b": {"c": null, "d": []}, "e": true}"#;

    #[test]
    fn values_are_found_where_they_are() {
        let nodes = nodes(TEXT).unwrap();
        let texts: Vec<&str> = nodes
            .iter()
            .map(|node| std::str::from_utf8(&TEXT[node.place.clone()]).unwrap())
            .collect();
        assert_eq!(
            texts[1..],
            [
                "[1, -2.5e3, \"x\\\"y\"]",
                "1",
                "-2.5e3",
                "\"x\\\"y\"",
                "{\"c\": null, \"d\": []}",
                "null",
                "[]",
                "true"
            ]
        );
        let keys: Vec<&[u8]> =
            nodes.iter().filter_map(|node| node.key.clone()).map(|key| &TEXT[key]).collect();
        assert_eq!(keys, [b"\"a\"", b"\"b\"", b"\"c\"", b"\"d\"", b"\"e\""].map(|key| &key[..]));
        assert!(self::nodes(b"{\"a\": [1}").is_none() || self::nodes(b"{\"a\"").is_none());
    }

    #[test]
    fn what_is_taken_out_leaves_json() {
        for at in 1..nodes(TEXT).unwrap().len() {
            let mut text = TEXT.to_vec();
            remove(&mut text, &nodes(TEXT).unwrap(), at);
            assert!(
                serde_json::from_slice::<serde_json::Value>(&text).is_ok(),
                "{}",
                String::from_utf8_lossy(&text)
            );
        }
    }

    #[test]
    fn most_mutants_are_json() {
        let mut rng = Rng::seed_from_u64(3);
        let mutants = (0..2000).map(|_| mutate(TEXT, TEXT, &mut rng));
        let read = mutants
            .filter(|text| serde_json::from_slice::<serde_json::Value>(text).is_ok())
            .count();
        assert!((1200..1990).contains(&read), "{read}");
    }
}
