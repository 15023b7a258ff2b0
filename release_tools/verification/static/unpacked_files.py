"""Reports how much the executable unpacks every time it starts."""

from collections import Counter
from typing import Final

from release_tools.binaries.payload import UNPACKED, Payload
from release_tools.verification.check import Passed, VerificationContext, refuse
from release_tools.verification.static.sizes import find_owners

# A thousand small files take 0.1 s in memory, and up to 1 s on the disk of a busy machine: a start becomes noticeably
# slower with the first of these numbers, and takes the better part of a minute with the second.
NOTED_FILES: Final = 2_000
MOST_FILES: Final = 50_000

_SHOWN: Final = 3
_HINT: Final = (
    "leave out data files that the app doesn't need with exclude-files of [tool.release-tools], or bundle them as one "
    "zip file that the app reads"
)


def check_unpacked_files(context: VerificationContext) -> Passed:
    """How many files and bytes every start unpacks: many are noted, and far too many are refused."""
    payload = Payload(context.executable)
    members = [member for member in payload.members if member.kind in UNPACKED and not member.is_on_demand]
    figure = f"{len(members):,} files, {sum(member.size for member in members) / 1_000_000:.1f} MB"
    if len(members) <= NOTED_FILES:
        return Passed(figure=figure)
    largest = _by_distribution(context, [member.name for member in members])
    if len(members) > MOST_FILES:
        # Without the number, which would differ between builds.
        finding = f"more than {MOST_FILES:,} files"
        refuse(context, {finding: f"{figure}: {largest}"}, what="every start unpacks too much", hint=_HINT)
    return Passed(figure=figure, notes=(f"every start unpacks {figure}, which takes time: {largest}; {_HINT}",))


def _by_distribution(context: VerificationContext, files: list[str]) -> str:
    """The distributions with the most files, or the folders of a downloaded archive."""
    if context.evidence is None:
        counts = Counter(name.partition("/")[0] for name in files)
    else:
        counts = Counter(map(find_owners(context.evidence.installed.distributions).of_file, files))
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common(_SHOWN))
