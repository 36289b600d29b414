"""A plan cuts a library into shards, and two plans are the same or say where they differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screenkit.errors import StorageError
from screenkit.plan import Plan, usual_shard_size

SETTINGS = {"predict": {"model": "a", "cutoff": 8.0}, "targets": [{"name": "co2"}], "checks": {}}


def make_plan(structures=1000, digest="d", shard_size=256, **settings) -> Plan:
    return Plan(structures, digest, shard_size, SETTINGS | settings)


@given(st.integers(1, 10_000), st.integers(1, 12_000))
def test_each_structure_is_in_exactly_one_shard(structures, size):
    shards = Plan(structures, "d", size).shards
    assert [i for s in shards for i in range(s.start, s.stop)] == list(range(structures))
    assert [s.index for s in shards] == list(range(len(shards)))
    assert all(len(s) == size for s in shards[:-1])


def test_a_plan_comes_back_from_its_text():
    plan = make_plan(nested={"tuple": (1, 2), "number": 0.1, "none": None, "text": "山"})
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.stamp == plan.stamp
    assert plan.differences(again) == []


def test_the_order_of_settings_means_nothing():
    settings = {"b": 1, "a": {"d": 2, "c": 3}}
    turned = {"a": {"c": 3, "d": 2}, "b": 1}
    assert Plan(1, "d", 1, settings).stamp == Plan(1, "d", 1, turned).stamp


def test_differences_name_the_setting_and_both_values():
    now = make_plan(predict={"model": "b", "cutoff": 8.0}, extra=True, shard_size=128)
    assert sorted(make_plan().differences(now)) == [
        "extra: was absent, now True",
        "predict.model: was 'a', now 'b'",
        "shard_size: was 256, now 128",
    ]


@pytest.mark.parametrize("change", [{"structures": 999}, {"digest": "e"}, {"shard_size": 255}])
def test_another_library_is_another_plan(change):
    assert make_plan(**change).stamp != make_plan().stamp
    assert make_plan().differences(make_plan(**change))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("256", "255"),
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"digest"', '"digset"'),
        lambda text: "[" * 100_000,
        lambda text: text.replace('"plan_version": 1', '"plan_version": 99'),
    ],
)
def test_a_damaged_plan_is_refused(damage):
    with pytest.raises(StorageError):
        Plan.from_json(damage(make_plan().to_json()))


def test_a_plan_refuses_what_json_cannot_hold():
    with pytest.raises(ValueError):
        Plan(1, "d", 1, {"x": float("nan")})


def test_a_library_of_any_size_has_about_a_thousand_shards_at_most():
    assert [usual_shard_size(n) for n in (1, 7_794, 256_000, 300_000, 1_000_000)] == [
        *(256, 256, 256, 300, 1000)
    ]
