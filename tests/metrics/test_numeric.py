"""The final number: what a reply states comes before what stands last."""

from __future__ import annotations

from decimal import Decimal

import pytest

from optbench.metrics.numbers import final_number
from optbench.metrics.numeric import Numeric


@pytest.mark.parametrize(
    ("text", "number"),
    [
        # Statements, and what stands behind them.
        ("#### Step 1: add\n48+24=72\n#### Step 2: conclude\nThe answer is 72", "72"),
        ("#### 3. Final answer\n72", "72"), ("#### Step 2\n72", "72"), ("#### $1,072", "1072"),
        ("####72", "72"), ("#### **72**\nOf 100.", "72"), ("#### -5\n3", "-5"), ("##### 3\n72", "72"),
        ("#### 72.", "72"), ("#### 7.5%\n1", "7.5"), ("#### 1 072\n5", "1072"),
        ("The answer is 72. Check: 24+48.", "72"), ("Final answer: 72 (48+24)", "72"),
        ("Answer: **72**\n\nLet me know if you want 3 more examples!", "72"),
        ("**Answer:** 72\n\nIt took 2 steps.", "72"), ("**Answer**: $72.50\n1", "72.5"),
        ("answer = 72, since 24+48 is that", "72"), ("The answer is 72 clips, not 73.", "72"),
        ("The answer to the 3 questions is 72. I took 2 steps.", "72"),
        ("The answer is -$5. Step 2", "-5"), ("The answer is: 72 because 48 and 24", "72"),
        ("The answer is 7. No: the answer is 72. (1)", "72"),
        (r"So \boxed{72}, in 3 steps", "72"), (r"\boxed{\$1{,}072} 3", "1072"),
        (r"\boxed{72 \text{ clips}} (2)", "72"), (r"\boxed{48+24=72} 3", "72"),
        (r"The answer is $\boxed{72}$. 3 steps.", "72"),
        ("The answer is 48 + 24 = 72. Took 3 steps.", "72"), ("The answer is 3 at $2 each, so 6", "6"),
        ("Answer: Step 1: 48/2 = 24\n48 + 24 = 72", "72"),
        ("Answer: 3 apples at $2 each cost $6.", "6"),
        ("The answer is 48+24", "24"),
        # How numbers are written.
        ("1,072", "1072"), ("1,072,300.5", "1072300.5"), ("1 072", "1072"), ("1 000", "1000"),
        ("1\u202f072", "1072"), ("3,5", "3.5"), ("1,2,3", "3"), ("24,48,72", "72"), ("3, 5", "5"),
        ("1,2,345", "345"), ("1.072,5", "1072.5"), ("12,50", "12.5"), ("in 2023 100 people", "100"),
        ("7.2e1", "72"), ("2E3", "2000"), ("1e99999999999", "99999999999"), (".5", "0.5"),
        ("-$72", "-72"), ("-72", "-72"), ("−72", "-72"), ("$-72", "-72"),
        ("- 72", "72"), ("- $72", "72"),
        ("70-72", "72"), ("70 - 72", "72"), ("70 -72", "72"), ("70–72", "72"), ("x=-72", "-72"),
        ("(70)-72", "72"), ("total: -72 points", "-72"), ("a total-72", "72"), ("$72", "72"),
        ("It is 72, not 73.", "72"), ("72%", "72"), ("72km", "72"), ("9" * 5000, "9" * 5000),
        ("It is not 72", None), ("none", None), ("", None),
    ],
)  # fmt: skip
def test_final_number(text: str, number: str | None) -> None:
    assert final_number(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("output", "target"),
    [("3,5", "35"), ("1,2,3", "123"), ("1 072", "72"), ("-$72", "72"), ("3,5", "5")],
)
def test_what_only_looks_like_it(output: str, target: str) -> None:
    assert Numeric("a").score(output, {"a": target}).value == 0
