//! `tokenizer.json` of Hugging Face, read by the crate `tokenizers` once its cost is known to be
//! bounded.

mod bounds;
mod growth;
mod quiet;
mod vocabulary;

use tokenizers::utils::padding::PaddingDirection;
use tokenizers::utils::truncation::{TruncationDirection, TruncationStrategy};
use tokenizers::{Encoding, PostProcessor as _};

use super::{Declared, Side, TextProblem};
use bounds::{Outline, parts};
use quiet::quietly;

/// Names of the special token that begins a text, where nothing else says so.
const FIRST: [&str; 3] = ["<cls>", "[CLS]", "<s>"];

/// Names of the special token that fills up a text.
const PADDING: [&str; 3] = ["<pad>", "[PAD]", "<|padding|>"];

/// Names of special tokens that end a text.
const END: [&str; 7] =
    ["</s>", "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>", "<eos>", "[EOS]"];

/// A tokenizer of the library.
#[derive(Clone, Debug)]
pub struct Json {
    inner: Box<tokenizers::Tokenizer>,
    /// Most bytes of a text.
    longest: usize,
}

/// A tokenizer with what its file says of texts.
pub struct Loaded {
    /// The tokenizer.
    pub json: Json,
    /// The token that begins a text.
    pub first: Option<u32>,
    /// The token that fills up a text.
    pub padding: u32,
    /// What the file declares.
    pub declared: Declared,
    /// The tokens that end a text.
    pub ends: Vec<u32>,
}

/// Loads the contents of a file.
///
/// # Errors
/// Contents that are no tokenizer, or one that may cost too much.
pub fn load(bytes: &[u8]) -> Result<Loaded, TextProblem> {
    let longest = Outline::of(bytes)?.check()?;
    let mut inner =
        library(|| tokenizers::Tokenizer::from_bytes(bytes)).map_err(TextProblem::Malformed)?;
    let special = |names: &[&str]| names.iter().find_map(|name| inner.token_to_id(name));
    let declared = declared(&inner)?;
    let padding = declared.padding.or_else(|| special(&PADDING)).unwrap_or(0);
    let ends = END.iter().filter_map(|name| inner.token_to_id(name)).collect();
    let first = if inner.get_post_processor().is_none() { special(&FIRST) } else { None };
    // Texts are filled up and cut here, once the model says how long they are.
    inner.with_padding(None);
    inner.with_truncation(None).map_err(|error| TextProblem::Malformed(error.to_string()))?;
    Ok(Loaded { json: Json { inner: Box::new(inner), longest }, first, padding, declared, ends })
}

impl Json {
    /// At most `limit` tokens of a text with the special ones, their segments, and how many the
    /// whole text has.
    pub fn encode(
        &self,
        text: &str,
        limit: usize,
        cuts: Side,
    ) -> Result<(Vec<u32>, Vec<u32>, usize), TextProblem> {
        let mut encoding = self.encoding(text)?;
        let added =
            self.inner.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
        let whole = encoding.len().saturating_add(added);
        let cuts =
            if cuts == Side::Left { TruncationDirection::Left } else { TruncationDirection::Right };
        encoding.truncate(limit.saturating_sub(added), 0, cuts);
        let kept = encoding.len();
        let processed = library(|| self.inner.post_process(encoding, None, true))
            .map_err(TextProblem::Tokenizer)?;
        if processed.len() != kept.saturating_add(added) {
            return Err(TextProblem::Declared(
                "template that leaves the text out, or has it more than once",
            ));
        }
        Ok((processed.get_ids().to_vec(), processed.get_type_ids().to_vec(), whole))
    }

    /// The tokens of a text of any length, without special ones.
    pub fn body(&self, text: &str) -> Result<Vec<u32>, TextProblem> {
        let ids = |part| Ok(self.encoding(part)?.get_ids().to_vec());
        Ok(parts(text, self.longest)
            .into_iter()
            .map(ids)
            .collect::<Result<Vec<_>, TextProblem>>()?
            .concat())
    }

    /// The text of tokens.
    pub fn decode(&self, ids: &[u32]) -> String {
        library(|| self.inner.decode(ids, true)).unwrap_or_default()
    }

    /// Number of token ids.
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The text of a token: byte-level names are decoded, and U+2581 is a space.
    pub fn piece(&self, id: u32) -> String {
        let name = self.inner.id_to_token(id).unwrap_or_default();
        if !matches!(self.inner.get_decoder(), Some(tokenizers::DecoderWrapper::ByteLevel(_))) {
            return name.replace('\u{2581}', " ");
        }
        let text = library(|| self.inner.decode(&[id], false)).ok();
        text.filter(|text| !text.is_empty() && !text.contains('\u{fffd}')).unwrap_or(name)
    }

    /// What the library makes of a text, without special tokens.
    fn encoding(&self, text: &str) -> Result<Encoding, TextProblem> {
        if text.len() > self.longest {
            return Err(TextProblem::TooLong { bytes: text.len(), limit: self.longest });
        }
        library(|| self.inner.encode(text, false)).map_err(TextProblem::Tokenizer)
    }
}

/// What a file declares about filling up and cutting a text.
fn declared(tokenizer: &tokenizers::Tokenizer) -> Result<Declared, TextProblem> {
    let mut declared = Declared::NOTHING;
    if let Some(padding) = tokenizer.get_padding() {
        declared.padding = Some(padding.pad_id);
        declared.padding_type = padding.pad_type_id;
        declared.pads = if matches!(padding.direction, PaddingDirection::Left) {
            Side::Left
        } else {
            Side::Right
        };
    }
    if let Some(truncation) = tokenizer.get_truncation() {
        if truncation.strategy == TruncationStrategy::OnlySecond {
            return Err(TextProblem::Declared(
                "truncation strategy OnlySecond, which cuts the second of two texts",
            ));
        }
        declared.cuts = if truncation.direction == TruncationDirection::Left {
            Side::Left
        } else {
            Side::Right
        };
        declared.most = truncation.max_length;
    }
    Ok(declared)
}

/// A call of the library: its error, or the panic that it has instead of one, in words.
fn library<T>(call: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    let result = quietly(call).ok_or("the tokenizer's rules contradict each other")?;
    result.map_err(|error| error.to_string())
}
