"""A sequence classifier small enough to be made by a test: it adds up what each word is worth to each label."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFKC, Lowercase
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

BENIGN, ATTACK, INSULT = "benign", "attack", "insult"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def write_model(
    folder: Path,
    worth: Mapping[str, Sequence[float]],
    *,
    labels: Sequence[str] = (BENIGN, ATTACK),
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
    **config: Any,
) -> Path:
    """Writes `model.onnx`, `tokenizer.json` and `config.json`. `worth` has the logits that each word adds."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: index for index, word in enumerate((*SPECIAL, *worth))}
    _write_tokenizer(folder, vocabulary)
    weights = numpy.zeros((len(vocabulary), len(labels)), dtype=numpy.float32)
    for word, logits in worth.items():
        weights[vocabulary[word]] = logits
    weights[0] = 100.0  # padding must be masked
    onnx.save(_network(weights, inputs), str(folder / "model.onnx"))
    said = {"id2label": dict(enumerate(labels)), "pad_token_id": 0, **config}
    (folder / "config.json").write_text(json.dumps(said))
    return folder


def _write_tokenizer(folder: Path, vocabulary: Mapping[str, int]) -> None:
    tokenizer = Tokenizer(WordLevel(dict(vocabulary), unk_token="[UNK]"))
    tokenizer.normalizer = Normalizers([NFKC(), Lowercase()])
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def _network(weights: Any, inputs: Sequence[str]) -> Any:
    given = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in inputs]
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["present"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["present", "last"], ["mask"]),
        helper.make_node("Mul", ["words", "mask"], ["counted"]),
        helper.make_node("ReduceSum", ["counted", "middle"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "sum",
        given,
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", weights.shape[1]])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(numpy.array([2], dtype=numpy.int64), "last"),
            numpy_helper.from_array(numpy.array([1], dtype=numpy.int64), "middle"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
