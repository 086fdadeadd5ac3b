from hypothesis import given
from hypothesis import strategies as st

from fvc_kedro.learning.groups import join_groups


def test_links_join_through_others():
    joined = join_groups([("b", "c"), ("a",), ("d", "c"), ("e", "e")])
    assert joined == {"a": ["a"], "b": ["b", "c", "d"], "c": ["b", "c", "d"], "d": ["b", "c", "d"], "e": ["e"]}
    assert join_groups([]) == {}


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3)))
def test_groups_are_the_coarsest_parts_that_the_links_force(linked):
    joined = join_groups(linked)
    parts = [{name} for name in {name for some in linked for name in some}]  # joined pair by pair
    for some in linked:
        touched = [part for part in parts if part & set(some)]
        parts = [part for part in parts if part not in touched] + [set().union(*touched)]
    assert {frozenset(members) for members in joined.values()} == {frozenset(part) for part in parts}
    assert all(name in members and members == sorted(members) for name, members in joined.items())
