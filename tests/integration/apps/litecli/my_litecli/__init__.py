import sys
from importlib.metadata import version


def main() -> object:
    if sys.argv[1:] == ["--version"]:
        print("my-litecli", version("my-litecli"))
        return 0
    from litecli.main import cli
    
    return cli()
