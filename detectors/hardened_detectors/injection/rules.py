"""Phrases and marks that attacks use and ordinary text hardly does; each rule is nearly certain on its own."""

# ruff: noqa: E501 - a table of patterns, one rule after the other

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from hardened_detectors.gate import Span

_REACH: Final = 512
"""Characters around a signal in which a match of its rule lies."""


@dataclass(frozen=True)
class Rule:
    """A phrase. `score` is for what a user writes, `data_score` for text that came from elsewhere and has no orders to give."""

    name: str
    category: str
    pattern: str
    literals: tuple[str, ...]
    """For the gate, in lower case: each match contains one of them. Or else `gate`, where single words are too frequent."""
    score: float
    data_score: float
    gate: str = ""
    ignore_case: bool = True

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        # DAN and STAN are written in capitals, and are names when they are not.
        expression = re.sub(r"\b(?:DAN|STAN)\b", lambda name: f"(?-i:{name.group()})", self.pattern)
        return re.compile(expression, re.IGNORECASE if self.ignore_case else 0)

    def spans(self, text: str, stretches: Sequence[Span]) -> Iterator[Span]:
        """Where the rule matches, near the stretches in which its signal begins."""
        done = 0
        for low, high in stretches:
            for match in self._compiled.finditer(text, max(done, low - _REACH), min(len(text), high + _REACH)):
                yield match.span()
                done = match.end()


_DROP = r"(?:ignore|disregard|forget|override|bypass|skip|discard|neglect)"
_PRIOR = "(?:previous|prior|earlier|above|preceding|foregoing|existing|original|initial|system|developer|safety|your)"
_ORDERS = "(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|commands?|constraints?|messages?|training|programming|context)"
_GAP = r"[^\n.!?]{0,24}?"
_AGENT = "(?:ai|assistant|language model|llm|chatbot|agent)"

RULES: Final = (
    Rule("override", "prompt_injection", rf"\b{_DROP}\b(?!{_GAP}\bmy\b){_GAP}\b{_PRIOR}\b{_GAP}\b{_ORDERS}\b",
         ("ignore", "disregard", "forget", "override", "bypass", "skip", "discard", "neglect"), 0.92, 0.97),
    Rule("do not follow", "prompt_injection", rf"\b(?:do not|don't|never|stop)\b {_GAP}(?:follow|obey|listen to|comply with)\w*\b{_GAP}\b{_PRIOR}\b{_GAP}\b{_ORDERS}\b",
         (), 0.85, 0.95, r"(?:do not|don't|never|stop) [^\n.!?]*(?:follow|obey|listen to|comply with)"),
    Rule("new instructions", "prompt_injection", r"(?:^|\n)\s{0,8}(?:\#{1,4} ?|\[|<)?(?:new|updated|important|urgent|real) (?:system )?(?:instructions?|prompt|directives?)\b(?:\]|>)? ?:",
         (), 0.5, 0.85, "(?:new|updated|important|urgent|real) (?:system )?(?:instruction|prompt|directive)"),
    Rule("chat template", "prompt_injection", r"<\|(?:im_start|im_end|system|endoftext|start_header_id|eot_id)\|>|\[/?INST\]|<<SYS>>|</?system_prompt>|(?:^|\n)### ?(?:system|instruction)s? ?:",
         ("<|", "[inst]", "[/inst]", "<<sys>>", "system_prompt>", "###"), 0.6, 0.9),
    Rule("order to the assistant", "prompt_injection", rf"\b(?:the |this |an? )?{_AGENT}\b (?:must|should|shall|has to|is (?:now )?(?:required|instructed) to)\b {_GAP}\b(?:ignore|send|forward|email|reveal|delete|transfer|visit|execute|click)\b",
         (), 0.3, 0.8, rf"\b{_AGENT} (?:must|should|shall|has to|is (?:now |required|instructed))"),
    Rule("note to the assistant", "prompt_injection", rf"\b(?:note|message|instructions?|attention|reminder)\b:? (?:to|for) (?:the |any |all |you, the )?{_AGENT}s?\b|\bif you are an? (?:ai|llm|language model)\b",
         (), 0.4, 0.85, rf"(?:note|message|instructions?|attention|reminder):? (?:to|for) (?:the |any |all |you, the )?{_AGENT}|if you are an? (?:ai|llm|language)"),
    Rule("before your task", "prompt_injection", r"\bbefore you (?:can |may |start to |proceed to )?(?:solve|complete|continue with|finish|work on|answer) the (?:\w+ )?(?:task|request|question)\b[^\n]{0,60}\b(?:must|do|first|following|please)\b",
         ("before you",), 0.5, 0.92),
    Rule("vergiss", "prompt_injection", r"\b(?:ignorier\w*|vergiss|missachte)\b" + _GAP + r"\b(?:anweisung\w*|vorgaben|regeln|instruktionen|befehle)\b", ("ignorier", "vergiss", "missachte"), 0.92, 0.95),
    Rule("ignorar", "prompt_injection", r"\b(?:ignor\w*|oubli\w*|olvid\w*)\b" + _GAP + r"\b(?:instrucci\w*|consignes|reglas|istruzion\w*|instruç\w*|regole|règles|(?:les|tes|vos|toutes) instructions)\b", ("ignor", "oubli", "olvid"), 0.92, 0.95),
    Rule("dimentica", "prompt_injection", r"\b(?:dimentica|esqueça|negeer|zignoruj|vergeet)\b" + _GAP + r"\b(?:istruzion\w*|instruç\w*|instructies|instrukcj\w*|regole|regras)\b", ("dimentica", "esqueça", "negeer", "zignoruj", "vergeet"), 0.92, 0.95),
    Rule("忽略", "prompt_injection", r"(?:忽略|无视|忘记|忽視|無視).{0,12}(?:指令|指示|规则|規則|提示|说明)|(?:これまで|以前|上記)の(?:指示|命令|ルール).{0,8}(?:無視|忘れ)|(?:игнорируй\w*|забудь\w*).{0,24}(?:инструкци\w*|правил\w*|указани\w*)|이전.{0,6}(?:지시|명령|지침).{0,6}무시",
         ("忽略", "无视", "忘记", "忽視", "無視", "忘れ", "игнорируй", "забудь", "무시"), 0.92, 0.95),
    Rule("persona", "jailbreak", r"\b(?:you are|act as|become|pretend to be|respond as|enter|activate|enable)\b" + _GAP + r"\b(?:DAN|do anything now|STAN|developer mode|dev mode|jailbroken|jailbreak mode|god mode|unrestricted (?:ai|model|assistant)|evil (?:ai|assistant))\b",
         (), 0.92, 0.92, r"\b(?-i:DAN|STAN)\b|do anything now|developer mode|dev mode|jailbr|god mode|unrestricted (?:ai|model|assistant)|evil (?:ai|assistant)"),
    Rule("without limits", "jailbreak", r"\b(?:without|no|free (?:of|from)|ignoring|not bound by)\b (?:any |all |your |the )?(?:ethical|moral|safety|content|openai|anthropic)\b" + _GAP + r"\b(?:guidelines?|restrictions?|constraints?|filters?|polic(?:y|ies)|limitations?|rules)\b",
         (), 0.6, 0.7, r"(?:without|no|free (?:of|from)|ignoring|not bound by) (?:any |all |your |the )?(?:ethical|moral|safety|content|openai|anthropic)"),
    Rule("reveal the prompt", "prompt_leak", r"\b(?:reveal|show|print|repeat|output|display|tell me|give me|disclose|leak|write down|what (?:is|are|was|were))\b" + _GAP + r"\b(?:your|the) (?:\w+ )?(?:system prompt|system message|initial (?:prompt|instructions)|hidden (?:prompt|instructions)|original (?:prompt|instructions)|secret instructions)\b",
         ("system prompt", "system message", "initial prompt", "initial instructions", "hidden prompt", "hidden instructions", "original prompt", "original instructions", "secret instructions"), 0.75, 0.9),
    Rule("repeat the text above", "prompt_leak", r"\brepeat (?:everything|all (?:of )?the (?:text|words)|the (?:text|words)) (?:above|before|you were given)\b", ("repeat",), 0.8, 0.9),
    Rule("image with data", "prompt_injection", r"!\[[^\]\n]{0,80}\]\(https?://[^\s)]{1,200}[?&][^\s)=]{1,40}=(?:\{|%7B|<|\[)[^\s)]{0,80}\)", ("![",), 0.7, 0.9),
    Rule("tag characters", "prompt_injection", "(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007e]{2,400}", (), 0.9, 0.95, "[\U000e0020-\U000e007e]", False),
    Rule("text direction", "prompt_injection", "[\u202d\u202e]", ("\u202d", "\u202e"), 0.5, 0.5, "", False),
)  # fmt: skip
"""The text direction override makes text look like other text. Tag characters are invisible; flags of regions use them too."""
