import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optbench.errors import OptbenchError
from optbench.statistics.conclude import of_table
from optbench.statistics.table import blocks


def table(**changes: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"dataset": d, "model": "m", "optimizer": o, "seed": s, "item": i,
         "score": float(rng.uniform() < (0.8 if o == "good" else 0.3))}
        for d in ("one", "two") for o in ("good", "poor") for s in range(3) for i in range(20)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**changes)


def test_blocks_have_their_cells_in_order() -> None:
    found, told = blocks(table())
    assert told == []
    assert [(one.dataset, sorted(one.cells)) for one in found] == [
        ("one", ["good", "poor"]), ("two", ["good", "poor"]),
    ]  # fmt: skip
    cell = found[0].cells["good"]
    assert cell.score.shape == (3, 20)
    wanted = table().query("dataset == 'one' and optimizer == 'good' and seed == 1")
    assert cell.score[1].tolist() == wanted["score"].tolist()


def test_a_grid_with_holes_is_refused_unless_asked_for() -> None:
    full = table()
    no_seed = full[~((full.dataset == "two") & (full.optimizer == "poor") & (full.seed == 2))]
    with pytest.raises(
        OptbenchError, match=r"(?s)1 cell of the grid missing: two/m/poor seed 2.*--incomplete"
    ):
        blocks(no_seed)
    found, told = blocks(no_seed, incomplete=True)
    assert found[1].cells["poor"].score.shape == (2, 20)
    assert "two/m/poor seed 2" in told[0]
    no_optimizer = full[~((full.dataset == "two") & (full.optimizer == "poor"))]
    with pytest.raises(OptbenchError, match="two/m/poor"):
        blocks(no_optimizer)


def test_an_item_that_a_run_lacks_is_compared_nowhere() -> None:
    full = table()
    hole = full.drop(full.index[(full.dataset == "one") & (full.item == 7) & (full.seed == 0)][:1])
    with pytest.raises(OptbenchError, match="not every run has a score of every item"):
        blocks(hole)
    found, told = blocks(hole, incomplete=True)
    assert found[0].cells["poor"].score.shape == (3, 19)
    assert "1 of 20 items" in told[0]


def test_scores_that_are_no_number_are_counted() -> None:
    bad = table()
    bad.loc[[3, 50], "score"] = [math.nan, math.inf]
    with pytest.raises(
        OptbenchError, match=r"(?s)not every run.*2 of 240 scores are no finite number"
    ):
        blocks(bad)
    _, told = blocks(bad, incomplete=True)
    assert "2 of 240 scores are no finite number" in told[0]
    with pytest.raises(OptbenchError, match="no score is a finite number"):
        blocks(table(score=math.nan))


def test_a_score_twice_is_refused() -> None:
    twice = pd.concat([table(), table().head(1)])
    with pytest.raises(OptbenchError, match=r"(?s)2 scores share .* one/m/good/0.*--where"):
        blocks(twice)


def test_a_published_table_without_seeds_and_items() -> None:
    rng = np.random.default_rng(1)
    rows = [
        {"dataset": f"d{d}", "model": "", "optimizer": o, "seed": "", "item": "",
         "score": base + 0.02 * rng.normal()}
        for d in range(8) for o, base in (("A", 0.7), ("B", 0.6), ("C", 0.5))
    ]  # fmt: skip
    told = of_table(pd.DataFrame(rows))
    assert list(told.leaderboard["optimizer"]) == ["A", "B", "C"]
    assert list(told.leaderboard["group"]) == ["a", "b", "c"]
    over = told.pairs[told.pairs["dataset"] == "all"]
    assert set(over["n_units"]) == {8}
    assert (over["p_holm"] < 0.05).all()
    assert told.friedman["p"] < 0.001
    single = told.pairs[told.pairs["dataset"] != "all"]
    assert set(single["verdict"]) == {"too few"}  # one figure each
    assert any("tests are over datasets" in note for note in told.notes)
    assert not any("one seed" in note for note in told.notes)


def test_items_of_one_cluster_are_no_independent_evidence() -> None:
    one = table()
    copies = pd.concat([one.assign(item=one["item"] * 10 + n) for n in range(10)])
    copies["cluster"] = copies["item"] // 10
    alone, told = of_table(one), of_table(copies)
    assert told.scores["n_items"].tolist() == [20] * 4
    pd.testing.assert_frame_equal(told.scores, alone.scores)
    assert any("400 items are 40 clusters" in note for note in told.notes)
    fooled = of_table(copies.drop(columns="cluster")).scores
    assert (
        fooled["high"] - fooled["low"] < 0.8 * (alone.scores["high"] - alone.scores["low"])
    ).any()


def test_what_less_of_is_better() -> None:
    up, down = of_table(table()), of_table(table(), minimize=["one", "two"])
    assert list(up.leaderboard["optimizer"]) == ["good", "poor"]
    assert list(down.leaderboard["optimizer"]) == ["poor", "good"]
    assert set(down.scores["direction"]) == {"minimize"}
    assert up.scores["mean"].tolist() == down.scores["mean"].tolist()


def test_percent_or_share_the_verdicts_are_the_same() -> None:
    rng = np.random.default_rng(3)
    rows = pd.DataFrame([
        {"dataset": f"d{d}", "model": "", "optimizer": o, "seed": "", "item": "",
         "score": base + 10 * rng.normal() + 5 * d}
        for d in range(9) for o, base in (("A", 60.0), ("B", 45.0), ("C", 44.0))
    ])  # fmt: skip
    rows["score"] = rows["score"].clip(0, 100)
    percent = of_table(rows).pairs
    share = of_table(rows.assign(score=rows["score"] / 100)).pairs
    same = ["a", "b", "p", "p_holm", "verdict"]
    pd.testing.assert_frame_equal(percent[same], share[same])
    over = percent["dataset"] == "all"
    assert (percent["difference"][over] / 100).tolist() == pytest.approx(
        share["difference"][over].tolist()
    )
    more = pd.concat([rows, rows[rows.optimizer == "C"].assign(optimizer="D", score=1.0)])
    with_bad = of_table(more).pairs
    with_bad = with_bad[with_bad["dataset"] == "all"].set_index(["a", "b"])
    assert with_bad.loc[("A", "B"), "p"] == percent[over].set_index(["a", "b"]).loc[("A", "B"), "p"]


def test_a_difference_has_the_sign_of_its_scores() -> None:
    down = of_table(table(), minimize=["one", "two"]).pairs
    (over,) = down[down["dataset"] == "all"].to_dict("records")
    assert (over["a"], over["b"], over["verdict"]) == ("good", "poor", "b")
    assert over["difference"] > 0.3  # good has more of what less is better of
    assert "turned" not in over["note"]
    mixed = of_table(table(), minimize=["one"]).pairs
    (over,) = mixed[mixed["dataset"] == "all"].to_dict("records")
    assert "turned so that more is better" in over["note"]
    assert abs(over["difference"]) < 0.2


def test_a_baseline_beyond_one_says_that_scores_are_not_bounded() -> None:
    """Lower is better, and the search brought 5 down to less than 1: the lift is no share."""
    told = of_table(table(baseline=5.0), minimize=["one", "two"]).scores
    assert (told["lift"] < -4).all()
    assert ((told["lift_low"] < told["lift"]) & (told["lift"] < told["lift_high"])).all()


def test_scores_that_never_vary_are_tested_exactly() -> None:
    flat = table().assign(score=lambda t: t["optimizer"].eq("good") * 0.2 + 0.5)
    pair = of_table(flat[flat["dataset"] == "one"]).pairs.iloc[0]
    assert pair["p"] == 0.25  # three seeds, all alike: 2 / 2**3
    assert pair["verdict"] == "too few"
    assert "could" in pair["note"]


def test_one_seed_is_said() -> None:
    one = table().query("seed == 0")
    told = of_table(one.assign(baseline=0.0))
    assert any("one seed" in note for note in told.notes)
    assert told.scores["p_better"].isna().all()
    assert told.scores["lift_low"].notna().all()  # of these prompts


def test_nothing_is_refused() -> None:
    with pytest.raises(OptbenchError, match="there is no score"):
        blocks(table().head(0))
