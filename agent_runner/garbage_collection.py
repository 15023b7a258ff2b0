"""When Python looks for garbage: neither while the libraries load, nor among what they loaded, nor at the end.

They create some hundred thousand objects that live as long as the process. Looking for garbage among them again and
again, and once more at the end, takes two fifths of a short run's time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Nothing is collected inside the block, unless `resume_collection` is called, nor for its objects at exit."""
    gc.disable()
    try:
        yield
    finally:
        resume_collection()


def resume_collection() -> None:
    """Collect again from here on; what has been loaded is taken for needed and not looked at any more."""
    gc.freeze()
    gc.enable()
