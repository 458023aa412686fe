"""What a model's tokens cost, before any is used."""

from __future__ import annotations

from dataclasses import dataclass

from optbench.config.schema import (
    EmbeddedModelConf,
    LiteLLMModelConf,
    ModelConf,
    SimulatedModelConf,
)
from optbench.models.price_map import listed_price
from optbench.models.simulated import USD_PER_TOKEN_IN, USD_PER_TOKEN_OUT


@dataclass(frozen=True)
class Price:
    """USD per token."""

    per_token_in: float
    per_token_out: float

    def of(self, tokens_in: float, tokens_out: float) -> float:
        """USD of some tokens."""
        return tokens_in * self.per_token_in + tokens_out * self.per_token_out


def price_of(conf: ModelConf) -> Price | None:
    """The price of a model; None where neither its config nor litellm's map states one."""
    if isinstance(conf, EmbeddedModelConf):
        return Price(0.0, 0.0)
    if isinstance(conf, SimulatedModelConf):
        return Price(USD_PER_TOKEN_IN, USD_PER_TOKEN_OUT)
    if not isinstance(conf, LiteLLMModelConf):
        return None
    if conf.price is not None:
        return Price(conf.price.input_per_million / 1e6, conf.price.output_per_million / 1e6)
    listed = listed_price(conf.id)
    return Price(*listed) if listed else None
