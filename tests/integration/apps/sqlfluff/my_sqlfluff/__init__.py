import sys
from importlib.metadata import version


def main() -> object:
    if sys.argv[1:] == ["--version"]:
        print("my-sqlfluff", version("my-sqlfluff"))
        return 0
    from sqlfluff.cli.commands import cli
    
    return cli()
