"""The runs that the workflow is made for, and what each must leave."""

from dataclasses import replace
from typing import Final

from release_tools.platforms import PLATFORMS, Platform, find_platform, platform_names
from release_tools.releasing.github.workflows import RECORD_ARTIFACT, RELEASE_JOB, VERSION_JOB
from release_tools.releasing.publish.release_files import expected_files
from release_tools.versions import DEV, BuildVersion, archive_name, artifact_name, release_tag
from tests.release_tools.releasing.fake_github import TOKEN
from tests.workflow.runs import SETTINGS, SIDE_BRANCH, Outcome, Scenario

TAG: Final = release_tag(SETTINGS.executable, SETTINGS.project_version)
FILES: Final = frozenset(expected_files(SETTINGS.executable, SETTINGS.project_version))
ARCHIVES: Final = frozenset(name for name in FILES if not name.endswith(".sha256"))
SECTIONS: Final = ("Features", "Fixes", "Files", "Install", "Builds")
HOST: Final = "linux-amd64"
OTHER: Final = "darwin-arm64"


def jobs(*platforms: str, version: str = "success", release: str = "", broken: str = "") -> dict[str, str]:
    """The results of a run that builds these platforms."""
    builds = {f"build-{name}": "failure" if name == broken else "success" for name in platforms}
    ends = {RELEASE_JOB: "success"} if release else {}
    return {VERSION_JOB: version, **builds, **ends}


def artifacts(label: str, *platforms: str, broken: str = "") -> frozenset[str]:
    """The files of the artifacts of these platforms. A broken one has only its record."""
    names = [f"{RECORD_ARTIFACT}-{name}/record.json" for name in platforms]
    for platform in map(find_platform, platforms):
        if platform.name != broken:
            archive = f"{artifact_name(SETTINGS.executable, platform)}/{_archive(label, platform)}"
            names += [archive, f"{archive}.sha256"]
    return frozenset(names)


def _archive(label: str, platform: Platform) -> str:
    version = BuildVersion(label=label, project_version=SETTINGS.project_version, local_part="")
    return archive_name(SETTINGS.executable, version, platform)


ALL: Final = tuple(platform_names())
LABEL: Final = f"v{SETTINGS.project_version}"
REFUSED: Final = Outcome(jobs={VERSION_JOB: "failure"})
DOWNLOADED: Final = frozenset(
    [*(f"dist/{name}" for name in FILES), *(f"dist/records/{RECORD_ARTIFACT}-{name}/record.json" for name in ALL)]
)
PUBLISHED: Final = Outcome(
    jobs=jobs(*ALL, release="yes"),
    artifacts=artifacts(LABEL, *ALL),
    downloaded=DOWNLOADED,
    released=FILES,
    attested=ARCHIVES,
    sections=SECTIONS,
)
BUILT: Final = Outcome(jobs=jobs(*ALL), artifacts=artifacts(DEV, *ALL))


def dispatch(platform: str, **inputs: str) -> tuple[Scenario, Outcome]:
    """A dispatch of one platform."""
    scenario = Scenario(
        name=f"dispatch of {platform}", event="workflow_dispatch", inputs={"platform": platform, **inputs}
    )
    return scenario, Outcome(jobs=jobs(platform), artifacts=artifacts(DEV, platform))


def broken(platform: str) -> tuple[Scenario, Outcome]:
    """The push of a tag with one build that fails: nothing is published."""
    scenario = Scenario(name=f"{platform} fails", tag=TAG, attempts=(platform,))
    return scenario, Outcome(jobs=jobs(*ALL, broken=platform), artifacts=artifacts(LABEL, *ALL, broken=platform))


TAG_PUSH: Final = (Scenario(name="push of a tag", tag=TAG), PUBLISHED)
DISPATCH_OF_ALL: Final = (Scenario(name="dispatch of all", event="workflow_dispatch"), BUILT)
DISPATCH_ON_TAG: Final = (Scenario(name="dispatch on a tag", event="workflow_dispatch", tag=TAG), BUILT)
BRANCH_PUSH: Final = (Scenario(name="push of a branch"), BUILT)
PRIVATE: Final = (
    Scenario(name="push of a tag of a private repository", tag=TAG, is_private=True),
    Outcome(
        jobs=PUBLISHED.jobs,
        artifacts=PUBLISHED.artifacts,
        downloaded=DOWNLOADED,
        released=FILES,
        sections=SECTIONS,
    ),
)
_PLACE: Final = {f"MIRROR_{name}": f"the-{name.lower()}" for name in ("URL", "BUCKET", "ENDPOINT", "PREFIX", "REGION")}
_STARTED_WITH: Final = {
    **_PLACE,
    "TAG": TAG,
    "GH_TOKEN": TOKEN,
    # Nothing is copied before it's public.
    "releases": "1",
    "AWS_ACCESS_KEY_ID": "secret-mirror_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret-mirror_secret_access_key",
}
MIRROR: Final = (
    Scenario(name="push of a tag with a mirror", tag=TAG, variables=_PLACE),
    replace(
        PUBLISHED,
        jobs={**PUBLISHED.jobs, "mirror": "success"},
        mirrored=frozenset(f"{name}={value}" for name, value in _STARTED_WITH.items()),
    ),
)
EMPTY: Final = (
    Scenario(name="build without an archive", tag=TAG, attempts=(HOST,), is_empty=True),
    Outcome(jobs=jobs(*ALL, broken=HOST), artifacts=artifacts(LABEL, *ALL, broken=HOST)),
)
RERUN: Final = (Scenario(name="re-run of a finished run", tag=TAG, attempts=("", "")), PUBLISHED)
RERUN_OF_BROKEN: Final = (Scenario(name="re-run of a failed run", tag=TAG, attempts=(HOST, "")), PUBLISHED)
SIDE: Final = (Scenario(name="tag of an unmerged commit", tag=TAG, branch=SIDE_BRANCH), REFUSED)
OTHER_VERSION: Final = (
    Scenario(name="tag of another version", tag=release_tag(SETTINGS.executable, "99.0.0")),
    REFUSED,
)
HOSTILE_TAGS: Final = [
    (Scenario(name=f"hostile tag {number}", tag=f"{TAG}{suffix}"), REFUSED)
    for number, suffix in enumerate(("$(touch${IFS}hostile)", ";touch${IFS}hostile", '";touch${IFS}hostile;"'), start=1)
]
HOSTILE_VERSION: Final = (
    Scenario(
        name="hostile version", event="workflow_dispatch", inputs={"version": 'dev";touch hostile;$(touch hostile)'}
    ),
    REFUSED,
)

EXACT: Final = (
    Scenario(
        name="dispatch of a release's version",
        event="workflow_dispatch",
        inputs={"platform": HOST, "version": LABEL},
    ),
    Outcome(jobs=jobs(HOST), artifacts=artifacts(LABEL, HOST)),
)

SCENARIOS: Final[list[tuple[Scenario, Outcome]]] = [
    *(dispatch(platform.name) for platform in PLATFORMS),
    EXACT,
    SIDE,
    OTHER_VERSION,
    *HOSTILE_TAGS,
    HOSTILE_VERSION,
    TAG_PUSH,
    DISPATCH_OF_ALL,
    DISPATCH_ON_TAG,
    BRANCH_PUSH,
    PRIVATE,
    MIRROR,
    EMPTY,
    *(broken(platform.name) for platform in PLATFORMS),
    RERUN,
    RERUN_OF_BROKEN,
]
