"""A Scoop manifest, for a bucket: `bucket/<name>.json`.

Its form is https://github.com/ScoopInstaller/Scoop/blob/master/schema.json.
"""

import json
import re

from release_tools.packages.facts import PackageFacts
from release_tools.platforms import find_platform


def scoop_manifest(facts: PackageFacts) -> str:
    """The text of the manifest. With a repository on GitHub, a bucket's bot can update it by itself."""
    archive = facts.archive_for(find_platform("windows-amd64"))
    content: dict[str, object] = {
        "version": facts.version,
        "description": facts.description,
        "homepage": facts.homepage,
        "license": facts.license,
        "architecture": {"64bit": {"url": archive.url, "hash": archive.sha256}},
        "bin": f"{facts.executable}.exe",
    }
    if facts.repository_url and facts.repository_url.startswith("https://github.com/"):
        prefix = facts.tag.removesuffix(facts.version)
        content["checkver"] = {
            "url": f"{facts.repository_url}/releases.atom",
            "regex": rf"/releases/tag/{re.escape(prefix)}([\d.]+)\"",
        }
        content["autoupdate"] = {
            "architecture": {"64bit": {"url": archive.url.replace(facts.version, "$version")}},
            "hash": {"url": "$url.sha256"},
        }
    return json.dumps(content, indent=4, ensure_ascii=False) + "\n"
