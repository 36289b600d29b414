"""Megnet: the contract, and its number of parameters by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import pytest
import torch

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.graph.graph import GraphSettings
from screenkit.models.megnet import Dense, Megnet, MegnetBlock, MegnetSettings, Set2Set
from tests.crystals import crystal, random_crystal, rotated
from tests.models.contract import ModelContract


class TestMegnet(ModelContract):
    model = "megnet"
    settings: ClassVar[dict[str, object]] = {
        "k": 6,
        "gaussians": 12,
        "input_widths": [8, 8],
        "block_widths": [8, 8],
        "blocks": 2,
        "head_widths": [8, 8],
    }


def dense(*widths):
    return sum(a * b + b for a, b in pairwise(widths))


def test_the_number_of_parameters_by_hand():
    """Widths of matgl: 16, 100 and 2 numbers at first; (64, 32); (64, 64, 32); (32, 16)."""
    inputs = dense(16, 64, 32) + dense(100, 64, 32) + dense(2, 64, 32)
    block = dense(4 * 32, 64, 64, 32) + 2 * dense(3 * 32, 64, 64, 32)
    before = 3 * dense(32, 64, 32)  # not before the first
    set2set = 4 * (64 * 32 + 32 * 32 + 2 * 32)
    head = dense(2 * 64 + 32, 32, 16, 3)
    wanted = 119 * 16 + inputs + 3 * block + 2 * before + 2 * set2set + head
    network = Megnet(MegnetSettings(), targets=3)
    assert sum(p.numel() for p in network.parameters()) == wanted


def batch_of(*crystals, k=6):
    return collate([build_graph(c, find_neighbors(c, k), GraphSettings(k=k)) for c in crystals])


def test_a_block_is_the_equations_written_out():
    torch.manual_seed(0)
    settings = MegnetSettings(k=3, input_widths=(5, 4), block_widths=(6, 6))
    block = MegnetBlock(settings, first=False)
    batch = batch_of(random_crystal(0, atoms=4), random_crystal(1, atoms=3), k=3)
    atoms, bonds, state = torch.randn(7, 4), torch.randn(7, 3, 4), torch.randn(2, 4)
    kept = torch.rand(7, 3) < 0.6
    kept[:, 0] = True
    got = block(atoms, bonds, state, kept, batch)

    first = Dense(16, 6)
    first[0] = block.pair
    v, e, u = block.dense_atoms(atoms), block.dense_bonds(bonds), block.dense_state(state)
    new_e = torch.zeros(7, 3, 4)
    new_v = torch.zeros(7, 4)
    for i in range(7):
        whole = u[batch.owner[i]]
        for m, j in enumerate(batch.neighbors[i]):
            new_e[i, m] = block.bonds(first(torch.cat([v[i], v[j], e[i, m], whole])))
        new_v[i] = block.atoms(torch.cat([new_e[i][kept[i]].mean(0), v[i], whole]))
    for c in range(2):
        mine = batch.owner == c
        mean_e, mean_v = new_e[mine][kept[mine]].mean(0), new_v[mine].mean(0)
        new_u = block.state(torch.cat([mean_e, mean_v, u[c]]))
        torch.testing.assert_close(got[2][c], state[c] + new_u)
    torch.testing.assert_close(got[0], atoms + new_v)
    torch.testing.assert_close(got[1], bonds + new_e)


def test_a_set2set_takes_shares_over_all_bonds_of_a_crystal():
    torch.manual_seed(0)
    pool = Set2Set(4, steps=2)
    batch = batch_of(random_crystal(0, atoms=4), random_crystal(1, atoms=3), k=3)
    values = torch.randn(7, 3, 4)
    kept = torch.rand(7, 3) < 0.6
    kept[:, 0] = True
    got = pool(values, kept, batch)
    for c in range(2):
        items = values[batch.owner == c][kept[batch.owner == c]]
        query = memory = answer = torch.zeros(1, 4)
        for _ in range(2):
            query, memory = pool.cell(torch.cat([query, answer], 1), (query, memory))
            answer = torch.softmax(items @ query[0], dim=0)[None] @ items
        torch.testing.assert_close(got[c], torch.cat([query, answer], 1)[0])


def test_neighbours_beyond_the_cutoff_are_no_bonds():
    torch.manual_seed(0)
    network = Megnet(MegnetSettings(k=6, cutoff=3.0, blocks=2), 1).eval()
    # A chain: neighbours at 2 Å on either side, the others at 4 Å and beyond.
    near, far = (crystal([6], [[0.5, 0.5, 0.5]], [2.0, side, side]) for side in (20.0, 30.0))
    with torch.no_grad():
        a, b, c = network(batch_of(near, far, crystal([6], [[0, 0, 0]], [2.0, 20.0, 2.5])))
    assert a.item() == pytest.approx(b.item(), abs=1e-6)
    assert abs(a.item() - c.item()) > 1e-6


def test_a_gas_of_single_atoms_has_an_output():
    lonely = crystal([18], [[0, 0, 0]], [40.0, 41.0, 42.0])
    network = Megnet(MegnetSettings(k=4), 1).eval()
    with torch.no_grad():
        outputs = network(batch_of(lonely, rotated(lonely), k=4))
    assert torch.isfinite(outputs).all() and outputs[0] == pytest.approx(outputs[1].item())
