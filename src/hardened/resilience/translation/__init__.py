"""The same conversation in another wire. The translators are loaded when a target first speaks another one."""


class Refused(Exception):
    """What cannot be said in the other wire without changing what it means.

    Attributes:
        field: where it stands, as `messages[2].content`; never what stands there.
        reason: why it cannot be said.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")
