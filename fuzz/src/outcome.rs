//! What became of an input, and how many inputs became what.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Debug, Display, Write};
use std::time::Duration;

/// Most different messages of refusals that are told apart.
const MESSAGES: usize = 1 << 14;

/// What a reader makes of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is read, and means what it should; the words say how far it came.
    Accepted(&'static str),
    /// A typed error.
    Refused {
        /// Variants of the error.
        kind: Name,
        /// Hash of its message without the numbers and names in it.
        message: u64,
    },
}

impl Outcome {
    /// The outcome of an error.
    pub fn refused<E: Debug + Display>(error: &E) -> Outcome {
        let (mut kind, mut message) = (
            Name { letters: [0; 40], length: 0 },
            Message { hash: 0xcbf2_9ce4_8422_2325, quoted: None, in_number: false },
        );
        // Both end early where they have enough.
        let _ = write!(kind, "{error:?}");
        let _ = write!(message, "{error}");
        Outcome::Refused { kind, message: message.hash }
    }

    /// Whether it is read.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Outcome::Accepted(_))
    }
}

/// The names of an error's variants, outermost first, as its debug output begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    letters: [u8; 40],
    length: usize,
}

impl Name {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.letters[..self.length]).unwrap_or_default().trim_end_matches('.')
    }
}

impl Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.bytes() {
            let letter = if letter == b'(' { b'.' } else { letter };
            if !(letter.is_ascii_alphanumeric() || letter == b'.')
                || self.length == self.letters.len()
            {
                return Err(fmt::Error);
            }
            self.letters[self.length] = letter;
            self.length += 1;
        }
        Ok(())
    }
}

/// FNV-1a over the letters that are neither quoted nor behind a digit.
struct Message {
    hash: u64,
    quoted: Option<u8>,
    in_number: bool,
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.bytes() {
            match self.quoted {
                Some(quote) if quote == letter => self.quoted = None,
                Some(_) => {}
                None if matches!(letter, b'`' | b'"') => self.quoted = Some(letter),
                None if letter.is_ascii_digit() => self.in_number = true,
                None if letter.is_ascii_alphabetic() && !self.in_number => {
                    self.hash = (self.hash ^ u64::from(letter)).wrapping_mul(0x100_0000_01b3);
                }
                None => self.in_number &= letter.is_ascii_alphabetic(),
            }
        }
        Ok(())
    }
}

/// The outcomes of many inputs.
#[derive(Default)]
pub struct Tally {
    /// Inputs so far.
    pub runs: u64,
    /// The longest time of one.
    pub slowest: Duration,
    /// The most bytes that one took.
    pub largest: usize,
    accepted: BTreeMap<&'static str, u64>,
    refused: BTreeMap<Name, (u64, u64)>,
    messages: HashSet<u64>,
}

impl Tally {
    /// Counts an outcome; whether it is a refusal in words that are new.
    pub fn add(&mut self, outcome: Outcome, time: Duration, bytes: usize) -> bool {
        self.runs += 1;
        self.slowest = self.slowest.max(time);
        self.largest = self.largest.max(bytes);
        match outcome {
            Outcome::Accepted(how) => {
                *self.accepted.entry(how).or_default() += 1;
                false
            }
            Outcome::Refused { kind, message } => {
                let (count, messages) = self.refused.entry(kind).or_default();
                *count += 1;
                let is_new = self.messages.len() < MESSAGES && self.messages.insert(message);
                *messages += u64::from(is_new);
                is_new
            }
        }
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |count: u64| 100.0 * count as f64 / self.runs.max(1) as f64;
        for (how, count) in &self.accepted {
            writeln!(f, "  {count:>12} {:>6.2}%  accepted: {how}", share(*count))?;
        }
        for (kind, (count, messages)) in &self.refused {
            writeln!(
                f,
                "  {count:>12} {:>6.2}%  refused: {} ({messages} messages)",
                share(*count),
                kind.text()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    enum Error {
        Outer(Inner),
        Plain { value: u8 },
    }

    #[derive(Debug)]
    enum Inner {
        Text(&'static str),
    }

    impl Display for Error {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Error::Outer(Inner::Text(text)) => write!(f, "tensor `{text}` is absurd"),
                Error::Plain { value } => write!(f, "byte {value}"),
            }
        }
    }

    #[test]
    fn refusals_are_told_apart_by_variant_and_words() {
        let parts = |error| match Outcome::refused(&error) {
            Outcome::Refused { kind, message } => (kind.text().to_owned(), message),
            Outcome::Accepted(_) => unreachable!("an error"),
        };
        let (a, b) = (parts(Error::Outer(Inner::Text("a"))), parts(Error::Outer(Inner::Text("b"))));
        assert_eq!((a.0.as_str(), &a), ("Outer.Text", &b));
        let (one, two) = (parts(Error::Plain { value: 1 }), parts(Error::Plain { value: 2 }));
        assert_eq!((one.0.as_str(), &one), ("Plain", &two));
        assert_ne!(a.1, one.1);
    }
}
