//! One line of a log.

use lemma_verifier::Digest;
use serde::{Deserialize, Serialize};

use crate::error::Problem;

/// What goes before the bytes of an entry.
const DOMAIN: &[u8] = b"lemma receipt v1";

/// How every line begins.
pub(crate) const BEGIN: &[u8] = b"{\"entry\":{\"seq\":";

/// Most bytes of a line.
pub(crate) const MAX_LINE: usize = 1 << 13;

/// Most bytes of a name in a line.
pub(crate) const MAX_NAME: usize = 1 << 8;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 0.
    pub seq: u64,
    /// Seconds since 1970 by the clock of the machine that wrote it.
    pub time: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Digest of the line before; zeros in the first.
    #[serde(with = "hexadecimal")]
    pub previous: Digest,
}

/// What a log records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Event {
    /// A model answered.
    Decision {
        /// What it was asked for: a name of the owner's.
        task: String,
        /// Name of the model.
        model: String,
        /// Digest of its verifying key.
        #[serde(with = "hexadecimal")]
        key: Digest,
        /// The context that the proof is bound to.
        #[serde(with = "hexadecimal")]
        context: Digest,
        /// Salted digest of the input.
        #[serde(with = "hexadecimal")]
        input: Digest,
        /// Salted digest of the output.
        #[serde(with = "hexadecimal")]
        output: Digest,
        /// Digest of the proof file; none when one is promised.
        #[serde(with = "hexadecimal::optional")]
        proof: Option<Digest>,
    },
    /// A promised proof is there.
    Proof {
        /// Number of the decision.
        of: u64,
        /// Digest of the proof file.
        #[serde(with = "hexadecimal")]
        proof: Digest,
    },
}

#[derive(Serialize, Deserialize)]
struct Line {
    entry: Entry,
    #[serde(with = "hexadecimal")]
    digest: Digest,
}

impl Entry {
    /// The digest by which the next line knows this one.
    pub fn digest(&self) -> Digest {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Digest::of(&[DOMAIN, &bytes].concat())
    }

    /// The line, with its end.
    pub(crate) fn to_line(&self) -> Vec<u8> {
        let line = Line { entry: self.clone(), digest: self.digest() };
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The entry of line `number`, given with its end: of the one spelling that it has.
    pub(crate) fn of_line(bytes: &[u8], number: u64) -> Result<Entry, Problem> {
        let fail = |problem: String| Problem::Line { line: number, problem };
        let line: Line = serde_json::from_slice(bytes).map_err(|error| fail(error.to_string()))?;
        if line.entry.to_line() == bytes {
            Ok(line.entry)
        } else if line.entry.digest() == line.digest {
            Err(fail("it is written in another way than a log is".into()))
        } else {
            Err(fail("its digest is not that of its entry: it was edited".into()))
        }
    }
}

/// Digests as `0x` and 64 small hexadecimal digits.
pub(crate) mod hexadecimal {
    use super::Digest;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        digest.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom("0x and 64 hexadecimal digits are expected"))
    }

    /// The digest that a text of `0x` and 64 small hexadecimal digits stands for.
    pub fn parse(text: &str) -> Option<Digest> {
        let digits = text.strip_prefix("0x")?.as_bytes();
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let pairs = digits.chunks(2).map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        });
        let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
        bytes.try_into().ok().map(Digest)
    }

    pub mod optional {
        use super::*;

        pub fn serialize<S: Serializer>(
            digest: &Option<Digest>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            digest.serialize(serializer)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Digest>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            let wrong = || D::Error::custom("0x and 64 hexadecimal digits, or null, are expected");
            text.map(|text| parse(&text).ok_or_else(wrong)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let digest = Digest([0xab; 32]);
        Entry {
            seq: 7,
            time: 1_764_417_600,
            event: Event::Decision {
                task: "spam \u{1b}[2K".into(),
                model: "sms".into(),
                key: digest,
                context: digest,
                input: digest,
                output: digest,
                proof: None,
            },
            previous: digest,
        }
    }

    #[test]
    fn a_line_reads_back_and_every_changed_byte_is_seen() {
        let entry = entry();
        let line = entry.to_line();
        assert_eq!(Entry::of_line(&line, 1).unwrap(), entry);
        assert!(line.len() < MAX_LINE && !line[..line.len() - 1].contains(&b'\n'));
        assert!(!line.contains(&0x1b), "control characters are escaped");
        for at in 0..line.len() {
            for flip in [1, 2, 0x20] {
                let mut other = line.clone();
                other[at] ^= flip;
                assert!(Entry::of_line(&other, 1).is_err(), "byte {at}");
            }
            let mut shorter = line.clone();
            shorter.remove(at);
            assert!(Entry::of_line(&shorter, 1).is_err(), "byte {at} left out");
        }
    }

    #[test]
    fn other_spellings_of_a_line_are_refused() {
        let line = String::from_utf8(entry().to_line()).unwrap();
        for (from, to) in [
            ("{\"entry\"", "{ \"entry\""),
            ("0xabab", "0xABab"),
            ("\"proof\":null,", ""),
            ("\"seq\":7", "\"seq\":7.0"),
            ("\"seq\":7", "\"seq\":7,\"more\":1"),
        ] {
            let other = line.replacen(from, to, 1);
            assert_ne!(other, line);
            assert!(Entry::of_line(other.as_bytes(), 1).is_err(), "{to}");
        }
    }

    #[test]
    fn the_form_of_a_line_is_pinned() {
        let digest = entry().digest().to_string();
        assert_eq!(digest.len(), 66);
        let text = String::from_utf8(entry().to_line()).unwrap();
        assert!(text.starts_with(
            "{\"entry\":{\"seq\":7,\"time\":1764417600,\"kind\":\"decision\",\"task\":"
        ));
        assert!(text.ends_with(&format!("\"digest\":\"{digest}\"}}\n")));
    }
}
