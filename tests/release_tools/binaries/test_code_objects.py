from release_tools.binaries.code_objects import blocks_of, strings_in

SOURCE = """
NAMES = ("a", ("b",))
def outer():
    class Inner:
        def method(self):
            return "c" in {"d", "e"}
"""


def test_nested_code_follows_what_it_is_in() -> None:
    names = [block.co_name for block in blocks_of(compile(SOURCE, "module", "exec"))]
    assert names == ["<module>", "outer", "Inner", "method"]


def test_strings_are_found_in_tuples_and_sets() -> None:
    module, *_, method = blocks_of(compile(SOURCE, "module", "exec"))
    assert {"a", "b"} <= set(strings_in(module))
    assert {"c", "d", "e"} <= set(strings_in(method))
    assert "c" not in set(strings_in(module))
