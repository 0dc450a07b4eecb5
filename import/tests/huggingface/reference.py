"""Writes the folders and the logits of this folder: small random models of every kind, as `transformers` writes and computes them.

    pip install torch transformers && python3 reference.py            writes a folder for each model, and expected.json
"""

import json
import os
import shutil

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
from transformers import BertConfig, BertForTokenClassification, BertModel, DistilBertConfig, DistilBertForSequenceClassification
from transformers import ElectraConfig, ElectraForSequenceClassification, RobertaConfig, RobertaForSequenceClassification
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

TOKENS = [1, 9, 4, 30, 30, 17, 2, 39]
sizes = dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=12)
llama3 = dict(rope_type="llama3", rope_theta=1000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
DECODERS = {
    "llama": LlamaForCausalLM(LlamaConfig(**sizes, head_dim=8, rope_parameters=llama3, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5)),
    "mistral": MistralForCausalLM(MistralConfig(**sizes, head_dim=6, sliding_window=10)),
    "qwen2": Qwen2ForCausalLM(Qwen2Config(**sizes, tie_word_embeddings=True, rope_parameters=dict(rope_type="linear", rope_theta=1e6, factor=2.0))),
    "qwen3": Qwen3ForCausalLM(Qwen3Config(**sizes, head_dim=8)),
    "gpt2": GPT2LMHeadModel(GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=4, n_positions=12)),
}

small = dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=12)
ENCODERS = {
    "bert": BertForTokenClassification(BertConfig(**small, num_labels=3)),
    "distilbert": DistilBertForSequenceClassification(DistilBertConfig(vocab_size=40, dim=16, hidden_dim=24, n_layers=2, n_heads=4, max_position_embeddings=12)),
    "roberta": RobertaForSequenceClassification(RobertaConfig(**small, type_vocab_size=1, num_labels=3)),
    "electra": ElectraForSequenceClassification(ElectraConfig(**small, embedding_size=8, num_labels=3)),
    "sentences": BertModel(BertConfig(**small)),
}
MASK = [1, 1, 1, 1, 1, 1, 0, 0]
SEGMENTS = [0, 0, 0, 1, 1, 1, 0, 0]


def stir(model, seed):
    """Weights that are far from the zeros and ones of a fresh model."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            around = 1.0 if weight.dim() == 1 and name.endswith("weight") else 0.0
            weight.copy_(around + torch.randn(weight.shape) * (0.3 if weight.dim() == 1 else weight.shape[-1] ** -0.5))
    return model.eval()


def rows(values):
    return [[round(float(v), 6) for v in row] for row in values]


expected = {}
for seed, (name, model) in enumerate(DECODERS.items()):
    shutil.rmtree(name, ignore_errors=True)
    stir(model, seed)
    if name == "qwen3":
        model = model.to(torch.bfloat16)
    model.save_pretrained(name, max_shard_size="7KB" if name == "mistral" else "1GB")
    for file in os.listdir(name):
        if file == "generation_config.json":
            os.remove(f"{name}/{file}")
        else:
            os.chmod(f"{name}/{file}", 0o644)
    with torch.no_grad():
        model = type(model).from_pretrained(name, dtype=torch.float64)
        expected[name] = rows(model(torch.tensor([TOKENS])).logits[0])
for seed, (name, model) in enumerate(ENCODERS.items()):
    shutil.rmtree(name, ignore_errors=True)
    stir(model, 10 + seed).save_pretrained(name)
    os.chmod(f"{name}/model.safetensors", 0o644)
    model = type(model).from_pretrained(name, dtype=torch.float64)
    inputs = dict(input_ids=torch.tensor([TOKENS]), attention_mask=torch.tensor([MASK]))
    if name == "roberta":
        # Its padding has the id that says where positions begin.
        inputs["input_ids"] = torch.tensor([[2, *TOKENS[1:6], 1, 1]])
    if name in ("bert", "electra", "sentences"):
        inputs["token_type_ids"] = torch.tensor([SEGMENTS])
    with torch.no_grad():
        found = model(**inputs)
    if name != "sentences":
        expected[name] = rows(found.logits.reshape(-1, found.logits.shape[-1]))
        continue
    mask = inputs["attention_mask"][0].double()
    mean = (found.last_hidden_state[0] * mask[:, None]).sum(0) / mask.sum()
    expected[name] = rows([mean / mean.norm()])
    os.makedirs(f"{name}/1_Pooling")
    kinds = ["Transformer", "Pooling", "Normalize"]
    modules = [dict(idx=i, name=str(i), path=["", "1_Pooling", "2_Normalize"][i], type="sentence_transformers.models." + kind) for i, kind in enumerate(kinds)]
    for path, contents in [("modules.json", modules), ("1_Pooling/config.json", dict(word_embedding_dimension=16, pooling_mode_mean_tokens=True, pooling_mode_cls_token=False))]:
        with open(f"{name}/{path}", "w") as file:
            json.dump(contents, file, indent=2)
with open("expected.json", "w") as file:
    lines = [f'"tokens": {TOKENS}'] + [f'"{name}": [\n' + ",\n".join(map(json.dumps, values)) + "\n]" for name, values in expected.items()]
    file.write("{" + ",\n".join(lines) + "}\n")
