//! Mutations of JSON that leave it JSON, most of the time.

use rand::Rng as _;
use rand::seq::SliceRandom;
use serde_json::{Map, Value};

use crate::{Rng, bytes};

/// Strings that readers have trouble with.
const STRINGS: [&str; 12] =
    ["", "0x", "0x0", "0xZZ", "\u{0}", "\u{202e}", "\u{1b}[2J", "NaN", "-1", "1e400", "type", "ffffffffffffffffffffffffffffffff"];

/// A changed document; text that is none is changed as bytes.
pub fn mutate(input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(input) else { return bytes::mutate(input, other, rng) };
    let foreign = serde_json::from_slice::<Value>(other).unwrap_or(Value::Null);
    for _ in 0..rng.gen_range(1..=3) {
        let mut nodes = count(&value);
        let mut wanted = rng.gen_range(0..nodes);
        if let Some(node) = nth(&mut value, &mut wanted) {
            nodes = count(&foreign);
            let mut wanted = rng.gen_range(0..nodes);
            let mut foreign = foreign.clone();
            change(node, nth(&mut foreign, &mut wanted), rng);
        }
    }
    let text = value.to_string().into_bytes();
    if rng.gen_ratio(1, 8) { bytes::mutate(&text, other, rng) } else { text }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(fields) => fields.values_mut().find_map(|field| nth(field, left)),
        _ => None,
    }
}

fn change(node: &mut Value, foreign: Option<&mut Value>, rng: &mut Rng) {
    let choice = rng.gen_range(0..10);
    match (node, choice) {
        (Value::Array(items), 0..=2) if !items.is_empty() => {
            let at = rng.gen_range(0..items.len());
            match choice {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                _ => items.swap(0, at),
            }
        }
        (Value::Object(fields), 0..=3) if !fields.is_empty() => {
            let at = rng.gen_range(0..fields.len());
            let Some((name, value)) = fields.iter().nth(at).map(|(name, value)| (name.clone(), value.clone())) else { return };
            match choice {
                0 => drop(fields.remove(&name)),
                1 => drop(fields.insert(format!("{name}2"), value)),
                _ => {
                    // Two fields change places.
                    let to = rng.gen_range(0..fields.len());
                    if let Some(other) = fields.keys().nth(to).cloned()
                        && let Some(before) = fields.insert(other, value)
                    {
                        fields.insert(name, before);
                    }
                }
            }
        }
        (Value::String(text), 0..=3) => {
            let at = text.floor_char_boundary(rng.gen_range(0..=text.len()));
            match choice {
                0 => text.truncate(at),
                1 => text.insert_str(at, STRINGS.choose(rng).unwrap_or(&"")),
                2 => *text = text.to_uppercase(),
                _ => {
                    // One character becomes a hexadecimal digit.
                    let digit = char::from(b"0123456789abcdef"[rng.gen_range(0..16)]);
                    *text = text.char_indices().map(|(i, c)| if i == at { digit } else { c }).collect();
                }
            }
        }
        (Value::Number(number), 0..=5) => {
            let before = number.as_i64().unwrap_or(0);
            let new = match choice {
                0 => i128::from(before) + 1,
                1 => i128::from(before) - 1,
                _ => bytes::extreme(rng),
            };
            *number = i64::try_from(new).map_or_else(|_| (new as u64).into(), Into::into);
        }
        (node, 4..=6) => {
            if let Some(foreign) = foreign {
                *node = foreign.clone();
            }
        }
        (node, 7) => *node = Value::Array(vec![node.take()]),
        (node, 8) => *node = Value::Object(Map::from_iter([("type".to_owned(), node.take())])),
        (node, _) => {
            *node = match rng.gen_range(0..6) {
                0 => Value::Null,
                1 => Value::Bool(rng.r#gen()),
                2 => Value::from(bytes::extreme(rng) as i64),
                3 => Value::from(rng.gen_range(-1e3..1e3)),
                4 => Value::Array(Vec::new()),
                _ => Value::from(*STRINGS.choose(rng).unwrap_or(&"")),
            }
        }
    }
}
