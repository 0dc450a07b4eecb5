//! Files of GGUF, whole or with any lie in them.

/// A file in parts.
#[derive(Clone)]
pub struct Writer {
    pub magic: [u8; 4],
    pub version: u32,
    /// What the header says, where it lies.
    pub tensor_count: Option<u64>,
    pub field_count: Option<u64>,
    pub fields: Vec<(String, u32, Vec<u8>)>,
    pub tensors: Vec<Tensor>,
    /// Bytes of data behind the table.
    pub data: Vec<u8>,
}

#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<u64>,
    pub kind: u32,
    pub start: u64,
}

pub fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl Writer {
    /// A decoder of the architecture `llama` with one layer, width 4 and 3 tokens.
    pub fn model() -> Writer {
        let mut file = Writer {
            magic: *b"GGUF",
            version: 3,
            tensor_count: None,
            field_count: None,
            fields: vec![("general.architecture".into(), 8, text("llama"))],
            tensors: Vec::new(),
            data: Vec::new(),
        };
        for (name, value) in [
            ("context_length", 8u32),
            ("embedding_length", 4),
            ("block_count", 1),
            ("feed_forward_length", 6),
            ("attention.head_count", 2),
            ("attention.head_count_kv", 1),
        ] {
            file.set(name, 4, &value.to_le_bytes());
        }
        file.set("attention.layer_norm_rms_epsilon", 6, &1e-5f32.to_le_bytes());
        for (name, shape) in [
            ("token_embd", &[4, 3][..]),
            ("blk.0.attn_norm", &[4]),
            ("blk.0.attn_q", &[4, 4]),
            ("blk.0.attn_k", &[4, 2]),
            ("blk.0.attn_v", &[4, 2]),
            ("blk.0.attn_output", &[4, 4]),
            ("blk.0.ffn_norm", &[4]),
            ("blk.0.ffn_gate", &[4, 6]),
            ("blk.0.ffn_up", &[4, 6]),
            ("blk.0.ffn_down", &[6, 4]),
            ("output_norm", &[4]),
        ] {
            file.push(&format!("{name}.weight"), shape);
        }
        file
    }

    /// Sets a field of the architecture.
    pub fn set(&mut self, name: &str, kind: u32, value: &[u8]) {
        self.set_whole(&format!("llama.{name}"), kind, value);
    }

    pub fn set_whole(&mut self, name: &str, kind: u32, value: &[u8]) {
        self.fields.retain(|(other, ..)| other != name);
        self.fields.push((name.to_owned(), kind, value.to_vec()));
    }

    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(other, ..)| other != &format!("llama.{name}"));
    }

    pub fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
    }

    /// Appends a tensor of `f32`.
    pub fn push(&mut self, name: &str, shape: &[u64]) {
        let start = self.data.len() as u64;
        let count = shape.iter().product::<u64>();
        let values = (0..count).flat_map(|at| (0.25 + at as f32 / 8.0).to_le_bytes());
        self.data.extend(values);
        self.data.resize(self.data.len().next_multiple_of(32), 0);
        self.tensors.push(Tensor { name: name.into(), shape: shape.to_vec(), kind: 0, start });
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = [&self.magic[..], &self.version.to_le_bytes()].concat();
        bytes.extend(self.tensor_count.unwrap_or(self.tensors.len() as u64).to_le_bytes());
        bytes.extend(self.field_count.unwrap_or(self.fields.len() as u64).to_le_bytes());
        for (name, kind, value) in &self.fields {
            bytes.extend([&text(name)[..], &kind.to_le_bytes(), value].concat());
        }
        for Tensor { name, shape, kind, start } in &self.tensors {
            bytes.extend([&text(name)[..], &(shape.len() as u32).to_le_bytes()].concat());
            shape.iter().for_each(|extent| bytes.extend(extent.to_le_bytes()));
            bytes.extend([&kind.to_le_bytes()[..], &start.to_le_bytes()].concat());
        }
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend(&self.data);
        bytes
    }
}
