//! Mutations of protocol buffers: fields are changed, dropped, doubled and moved, and the lengths
//! around them fit.

use rand::Rng as _;
use rand::seq::{IteratorRandom, SliceRandom};

use crate::{Rng, bytes, dictionary};

/// Deepest nesting that is looked at.
const DEPTH: usize = 8;

#[derive(Clone)]
enum Content {
    Varint(u64),
    /// 4 or 8 bytes.
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

#[derive(Clone)]
struct Field {
    number: u64,
    content: Content,
}

/// A changed message.
pub fn mutate(input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let Some(mut fields) = parse(input, DEPTH) else { return bytes::mutate(input, other, rng) };
    let foreign = parse(other, DEPTH).unwrap_or_default();
    let mut names = Vec::new();
    collect(&fields, &mut names);
    for _ in 0..[1, 1, 1, 2, 2, 3][rng.gen_range(0..6)] {
        change(&mut fields, &foreign, &names, rng);
    }
    let mut out = Vec::new();
    write(&fields, &mut out);
    if rng.gen_ratio(1, 16) { bytes::mutate(&out, other, rng) } else { out }
}

fn parse(mut rest: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = number(&mut rest)?;
        let content = match tag & 7 {
            0 => Content::Varint(number(&mut rest)?),
            1 => Content::Fixed(take(&mut rest, 8)?),
            2 => {
                let length = usize::try_from(number(&mut rest)?).ok()?;
                let inner = take(&mut rest, length)?;
                let message =
                    if depth > 0 && inner.len() > 1 { parse(&inner, depth - 1) } else { None };
                // A name that happens to parse as a message is better changed as text, half of the
                // time by its length.
                match message {
                    Some(fields) if !inner.is_ascii() || inner.len() > 24 => {
                        Content::Message(fields)
                    }
                    _ => Content::Bytes(inner),
                }
            }
            5 => Content::Fixed(take(&mut rest, 4)?),
            _ => return None,
        };
        fields.push(Field { number: tag >> 3, content });
    }
    Some(fields)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take(rest: &mut &[u8], count: usize) -> Option<Vec<u8>> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head.to_vec())
}

fn write(fields: &[Field], out: &mut Vec<u8>) {
    for field in fields {
        let kind = match &field.content {
            Content::Varint(_) => 0,
            Content::Fixed(bytes) if bytes.len() == 8 => 1,
            Content::Bytes(_) | Content::Message(_) => 2,
            Content::Fixed(_) => 5,
        };
        out.extend(bytes::varint(field.number << 3 | kind));
        match &field.content {
            Content::Varint(value) => out.extend(bytes::varint(*value)),
            Content::Fixed(bytes) => out.extend(bytes),
            Content::Bytes(bytes) => {
                out.extend(bytes::varint(bytes.len() as u64));
                out.extend(bytes);
            }
            Content::Message(fields) => {
                let mut inner = Vec::new();
                write(fields, &mut inner);
                out.extend(bytes::varint(inner.len() as u64));
                out.extend(inner);
            }
        }
    }
}

/// The number of fields in a message, however deep.
fn count(fields: &[Field]) -> usize {
    fields.iter().map(|field| 1 + parts(field)).sum()
}

fn parts(field: &Field) -> usize {
    if let Content::Message(inner) = &field.content { count(inner) } else { 0 }
}

/// The texts of a message that may be names.
fn collect(fields: &[Field], names: &mut Vec<Vec<u8>>) {
    for field in fields {
        match &field.content {
            Content::Bytes(bytes) if (1..=32).contains(&bytes.len()) && bytes.is_ascii() => {
                names.push(bytes.clone())
            }
            Content::Message(inner) => collect(inner, names),
            _ => {}
        }
    }
}

fn change(fields: &mut Vec<Field>, foreign: &[Field], names: &[Vec<u8>], rng: &mut Rng) {
    if fields.is_empty() {
        fields.extend(foreign.choose(rng).cloned());
        return;
    }
    // Every field of the whole message is as likely.
    let mut left = rng.gen_range(0..count(fields));
    let mut at = 0;
    while left > parts(&fields[at]) {
        left -= 1 + parts(&fields[at]);
        at += 1;
    }
    let number = fields[at].number;
    if let Content::Message(inner) = &mut fields[at].content
        && left > 0
        && !inner.is_empty()
    {
        // What a message of the same kind has.
        let like = |field: &'_ &Field| {
            field.number == number && matches!(field.content, Content::Message(_))
        };
        let foreign = match foreign.iter().filter(like).choose(rng).map(|field| &field.content) {
            Some(Content::Message(inner)) => inner.as_slice(),
            _ => &[],
        };
        return change(inner, foreign, names, rng);
    }
    match rng.gen_range(0..8) {
        0 => drop(fields.remove(at)),
        1 => fields.insert(at, fields[at].clone()),
        2 => {
            let to = rng.gen_range(0..fields.len());
            fields.swap(at, to);
        }
        3 => fields.extend(foreign.choose(rng).cloned()),
        4 => fields[at].number = rng.gen_range(1..=16),
        _ => content(&mut fields[at].content, names, rng),
    }
}

fn content(content: &mut Content, names: &[Vec<u8>], rng: &mut Rng) {
    match content {
        Content::Varint(value) => {
            *value = match rng.gen_range(0..4) {
                0 => value.wrapping_add(1),
                1 => value.wrapping_sub(1),
                2 => rng.gen_range(0..32),
                _ => bytes::extreme(rng) as u64,
            }
        }
        // Another value is read, or another operator, attribute or word has its place.
        Content::Bytes(name) if name.is_ascii() && rng.gen_ratio(3, 4) => {
            let is_operator = name.first().is_some_and(u8::is_ascii_uppercase);
            let word = match rng.gen_range(0..4) {
                0 | 1 if is_operator => {
                    dictionary::OPERATORS.choose(rng).map(|word| word.as_bytes().to_vec())
                }
                0 => dictionary::WORDS.choose(rng).map(|word| word.as_bytes().to_vec()),
                _ => names.choose(rng).cloned(),
            };
            *name = word.unwrap_or_default();
        }
        Content::Fixed(inner) | Content::Bytes(inner) => *inner = bytes::mutate(inner, &[], rng),
        Content::Message(inner) => inner.clear(),
    }
}
