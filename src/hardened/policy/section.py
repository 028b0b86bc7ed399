"""What every part of the policy is made of: closed sections, and credentials that may only be referred to."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr


class Section(BaseModel):
    """A part of the policy: closed, frozen, and silent about its values when it is wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


def _reference(value: str | SecretStr | None) -> str | SecretStr | None:
    """A policy file may have come with somebody's sources: it must not name a variable that holds another secret."""
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if plain and plain.startswith(REFERENCE) and not plain.removeprefix(REFERENCE).startswith(REFERABLE):
        from pydantic_core import PydanticCustomError

        raise PydanticCustomError("env_reference", "a reference to a variable that is not ours")
    return value


REFERENCE: Final = "env:"
REFERABLE: Final = ("LANGFUSE_", "HARDENED_")
"""How the names of the variables begin that `env:NAME` may refer to."""
Credential = Annotated[str, AfterValidator(_reference)]
SecretCredential = Annotated[SecretStr, AfterValidator(_reference)]
