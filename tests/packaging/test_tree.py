"""What must not stand in the repository: credentials, addresses of package indexes, paths of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

# Written so that no pattern matches its own source.
CREDENTIALS = re.compile(
    r"""
      \bsk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{20,}
    | \bgsk_[A-Za-z0-9]{30,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | \bgh[pousr]_[A-Za-z0-9]{30,}
    | \bgithub_pat_[A-Za-z0-9_]{30,}
    | \bglpat-[A-Za-z0-9_-]{20,}
    | \bxox[abprs]-[A-Za-z0-9-]{20,}
    | \bAIza[0-9A-Za-z_-]{35}
    | \b[sr]k_live_[A-Za-z0-9]{20,}
    | \beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----(?:\\n|\s)+[A-Za-z0-9+/]{40}
    """,
    re.VERBOSE,
)
INDEXES = re.compile(r"https?://\S+/simple\b|(?<!emit-)(?:index-url|find-links)\b|(?:INDEX_URL|FIND_LINKS)\b")
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|Users|opt|home/(?!me\b|user\b))/?\w+")


def is_stand_in(found: str) -> bool:
    """Whether a text of a credential's form obviously is none: `sk-your-key-goes-here`, `ghp_xxxxxxxx`."""
    return "your" in found or len(set(found)) < 10


def tracked_files() -> list[Path]:
    """The files under version control, or all of them where there is none, as in an unpacked sdist."""
    if (REPOSITORY / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        files = [REPOSITORY / name for name in listed.stdout.split("\0") if name]
    else:
        files = [path for path in REPOSITORY.rglob("*") if not any(part.startswith(".venv") for part in path.parts)]
    return [path for path in files if path.is_file() and not path.is_symlink()]


@pytest.mark.parametrize(
    ("pattern", "what"),
    [(CREDENTIALS, "a credential"), (INDEXES, "the address of a package index"), (MACHINE, "a path of one machine")],
    ids=["credentials", "indexes", "machine"],
)
def test_no_tracked_file_holds(pattern: re.Pattern[str], what: str) -> None:
    files = [path for path in tracked_files() if path != Path(__file__)]
    assert len(files) > 20
    offenders = [
        f"{path.relative_to(REPOSITORY)}:{text.count(chr(10), 0, match.start()) + 1}"
        for path in files
        for text in [path.read_text(encoding="utf-8", errors="replace")]
        for match in pattern.finditer(text)
        if pattern is not CREDENTIALS or not is_stand_in(match[0])
    ]
    assert not offenders, f"{what} in {', '.join(offenders)}"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (CREDENTIALS, "sk-" + "proj-" + "a1B2" * 10),
        (CREDENTIALS, "AKIA" + "ABCDEFGH12345678"),
        (CREDENTIALS, "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIE" * 16),
        (INDEXES, "https://index.example/" + "simple"),
        (INDEXES, "--extra-" + "index-url"),
        (MACHINE, "open('/ro" + "ot/notes.txt')"),
    ],
)
def test_the_scan_would_see_it(pattern: re.Pattern[str], text: str) -> None:
    found = pattern.search(text)
    assert found and (pattern is not CREDENTIALS or not is_stand_in(found[0]))
