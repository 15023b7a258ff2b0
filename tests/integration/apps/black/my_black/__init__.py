import sys
from importlib.metadata import version


def main() -> object:
    if sys.argv[1:] == ["--version"]:
        print("my-black", version("my-black"))
        return 0
    from black import patched_main
    
    return patched_main()
