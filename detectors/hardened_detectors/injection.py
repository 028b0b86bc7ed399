"""Text that tries to give orders to the model in the place of those who may.

Thin: a few rules for phrases that attacks use and ordinary text hardly does, in English and some other languages. It
finds phrased attacks (overriding instructions, extracting the prompt, known jailbreaks, forged roles). It does not
understand text: a paraphrase, a translation into another language or a request without any such phrase passes. Use it
as one layer, not as a proof.
"""

# ruff: noqa: E501 - tables of patterns and examples, one item a line

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from . import gate
from .api import Finding
from .gate import Hits, Signal
from .seen import Seen

_DATA_STAGES = frozenset({"retrieval", "tool_result", "tool_call"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A phrase. `score` is for what a user writes, `data_score` for text that came from elsewhere and has no orders to give."""

    category: str
    pattern: str
    signals: tuple[str, ...]
    """In lower case; each match contains one of them."""
    score: float
    data_score: float


_PRIOR = "(?:previous|prior|earlier|above|preceding|foregoing|existing|original|initial|system|developer|safety|your)"
_ORDERS = "(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|commands?|constraints?|messages?|training|programming|context)"
_GAP = r"[^\n.!?]{0,24}?"

RULES = (
    Rule("prompt_injection", rf"\b(?:ignore|disregard|forget|override|bypass|skip|discard|neglect)\b{_GAP}\b{_PRIOR}\b{_GAP}\b{_ORDERS}\b",
         ("ignore", "disregard", "forget", "override", "bypass", "skip", "discard", "neglect"), 0.85, 0.95),
    Rule("prompt_injection", rf"\b(?:do not|don't|never|stop)\b {_GAP}(?:follow|obey|listen to|comply with)\w*\b{_GAP}\b{_PRIOR}\b{_GAP}\b{_ORDERS}\b",
         ("follow", "obey", "listen to", "comply with"), 0.8, 0.95),
    Rule("prompt_injection", r"(?:^|\n)\s{0,8}(?:\#{1,4} ?|\[|<)?(?:new|updated|important|urgent|real) (?:system )?(?:instructions?|prompt|directives?)\b(?:\]|>)? ?:",
         ("instruction", "prompt", "directive"), 0.5, 0.85),
    Rule("prompt_injection", r"<\|(?:im_start|system|endoftext|start_header_id)\|>|\[/?INST\]|<<SYS>>|</?system_prompt>|(?:^|\n)### ?(?:system|instruction)s? ?:",
         ("<|", "[inst]", "[/inst]", "<<sys>>", "system_prompt>", "###"), 0.6, 0.9),
    Rule("prompt_injection", rf"\b(?:the |this |an? )?(?:ai|assistant|language model|llm|chatbot|agent)\b (?:must|should|shall|has to|is (?:now )?(?:required|instructed) to)\b {_GAP}\b(?:ignore|send|forward|email|reveal|delete|transfer|visit|execute|click)\b",
         ("assistant", "language model", "llm", "chatbot", "agent", "ai must", "ai should", "ai shall", "ai has", "ai is"), 0.3, 0.8),
    Rule("prompt_injection", r"\b(?:ignorier\w*|vergiss|missachte)\b" + _GAP + r"\b(?:anweisung\w*|vorgaben|regeln|instruktionen|befehle)\b", ("ignorier", "vergiss", "missachte"), 0.85, 0.95),
    Rule("prompt_injection", r"\b(?:ignor\w*|oubli\w*|olvid\w*|ignoriere)\b" + _GAP + r"\b(?:instruc\w*|consignes|reglas|istruzion\w*|instruç\w*|regole|règles|prompt)\b", ("ignor", "oubli", "olvid"), 0.85, 0.95),
    Rule("prompt_injection", r"\b(?:dimentica|esqueça|negeer|zignoruj|vergeet)\b" + _GAP + r"\b(?:istruzion\w*|instruç\w*|instructies|instrukcj\w*|regole|regras)\b", ("dimentica", "esqueça", "negeer", "zignoruj", "vergeet"), 0.85, 0.95),
    Rule("prompt_injection", r"(?:忽略|无视|忘记|忽視|無視).{0,12}(?:指令|指示|规则|規則|提示|说明)|(?:これまで|以前|上記)の(?:指示|命令|ルール).{0,8}(?:無視|忘れ)|(?:игнорируй\w*|забудь\w*).{0,24}(?:инструкци\w*|правил\w*|указани\w*)|이전.{0,6}(?:지시|명령|지침).{0,6}무시",
         ("忽略", "无视", "忘记", "忽視", "無視", "忘れ", "игнорируй", "забудь", "무시"), 0.85, 0.95),
    Rule("jailbreak", r"\b(?:you are|act as|become|pretend to be|respond as|enter|activate|enable)\b" + _GAP + r"\b(?:DAN|do anything now|STAN|developer mode|dev mode|jailbroken|jailbreak mode|god mode|unrestricted (?:ai|model|assistant)|evil (?:ai|assistant))\b",
         ("dan", "do anything now", "stan", "developer mode", "dev mode", "jailbr", "god mode", "unrestricted", "evil "), 0.85, 0.9),
    Rule("jailbreak", r"\b(?:without|no|free (?:of|from)|ignoring|not bound by)\b (?:any |all |your |the )?(?:ethical|moral|safety|content|openai|anthropic)\b" + _GAP + r"\b(?:guidelines?|restrictions?|constraints?|filters?|polic(?:y|ies)|limitations?|rules)\b",
         ("guideline", "restriction", "constraint", "filter", "polic", "limitation", "rules"), 0.6, 0.7),
    Rule("prompt_leak", r"\b(?:reveal|show|print|repeat|output|display|tell me|give me|disclose|leak|write down|what (?:is|are|was|were))\b" + _GAP + r"\b(?:your|the) (?:\w+ )?(?:system prompt|system message|initial (?:prompt|instructions)|hidden (?:prompt|instructions)|original (?:prompt|instructions)|secret instructions)\b",
         ("system prompt", "system message", "initial prompt", "initial instructions", "hidden prompt", "hidden instructions", "original prompt", "original instructions", "secret instructions"), 0.75, 0.9),
    Rule("prompt_leak", r"\brepeat (?:everything|all (?:of )?the (?:text|words)|the (?:text|words)) (?:above|before|you were given)\b", ("repeat",), 0.8, 0.9),
    Rule("prompt_injection", r"!\[[^\]\n]{0,80}\]\(https?://[^\s)]{1,200}[?&][^\s)=]{1,40}=(?:\{|%7B|<|\[)[^\s)]{0,80}\)", ("![",), 0.7, 0.9),
)  # fmt: skip


class InjectionDetector:
    """Findings of `prompt_injection`, `jailbreak` and `prompt_leak` whose score is at least `threshold`."""

    name = "injection"

    def __init__(self, *, data: bool, threshold: float, use_re2: bool = True) -> None:
        scored = [(rule, rule.data_score if data else rule.score) for rule in RULES]
        self._rules = [(rule, score) for rule, score in scored if score >= threshold]
        self.signals = tuple(Signal(literals=rule.signals, ignore_case=True) for rule, _ in self._rules)
        self._gate = gate.shared(self.signals, use_re2=use_re2)
        self._patterns: dict[int, re.Pattern[str]] = {}

    def detect(self, text: str) -> Sequence[Finding]:
        """All phrases; each finding spans the phrase."""
        return self.examine(Seen(text), self._gate.find(text))

    def examine(self, seen: Seen, hits: Hits) -> Sequence[Finding]:
        """As `detect`, for a text that the gate has seen already."""
        found: list[Finding] = []
        for index in hits:
            rule, score = self._rules[index]
            pattern = self._patterns.get(index)
            if pattern is None:
                # DAN and STAN are written in capitals, and are names when they are not.
                expression = re.sub(r"\b(?:DAN|STAN)\b", lambda name: f"(?-i:{name.group()})", rule.pattern)
                pattern = self._patterns[index] = re.compile(expression, re.IGNORECASE)
            found.extend(
                Finding(self.name, rule.category, *match.span(), score) for match in pattern.finditer(seen.text)
            )
        return sorted(found, key=lambda f: f.start)


def create(*, stage: str = "input", threshold: float = 0.5) -> InjectionDetector:
    """The detector `injection`. Text of the stages `retrieval`, `tool_call` and `tool_result` is judged more strictly than `input`.

    `threshold` is the least score of a finding. Raises `ValueError` if it is not between 0 and 1.
    """
    if not 0 <= threshold <= 1:
        raise ValueError("threshold must be between 0 and 1")
    return InjectionDetector(data=stage in _DATA_STAGES, threshold=threshold)
