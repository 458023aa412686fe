"""Models of providers and of local servers, through litellm."""

from __future__ import annotations

import os
import time
from email.utils import parsedate_to_datetime
from typing import Any

import litellm

from optbench.chat import ChatReply, ChatRequest, FailureKind, ModelCallError
from optbench.config import redact, secrets
from optbench.config.schema import LiteLLMModelConf
from optbench.errors import first_line

litellm.suppress_debug_info = True  # its appeals for feedback, printed at each failed call
_KINDS: tuple[tuple[type[Exception], FailureKind], ...] = (
    (litellm.RateLimitError, "rate_limit"),
    (litellm.Timeout, "timeout"),
    (litellm.AuthenticationError, "auth"),
    (litellm.PermissionDeniedError, "auth"),
    (litellm.BadRequestError, "bad_request"),
    (litellm.NotFoundError, "bad_request"),
    (litellm.APIConnectionError, "connection"),
)


class RemoteModel:
    """A model that litellm reaches by its name."""

    simulated = False

    def __init__(self, conf: LiteLLMModelConf) -> None:
        self._conf = conf
        self._secrets = [
            *((conf.api_key_env,) if conf.api_key_env else ()),
            *secrets.variables([conf.api_base, dict(conf.extra)]),
        ]
        for name in self._secrets:
            redact.know(name)

    def complete(self, request: ChatRequest) -> ChatReply:
        """Answers one request; retries are the gateway's.

        Raises:
            ModelCallError: With litellm's first line, without anything that holds a key.
        """
        conf = self._conf
        asked: dict[str, Any] = {
            "api_base": secrets.opened(conf.api_base),
            "api_key": os.environ.get(conf.api_key_env) if conf.api_key_env else None,
            "timeout": conf.timeout_s,
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "response_format": dict(request.response_format) if request.response_format else None,
            **secrets.opened(dict(conf.extra)),
            **request.extra,
        }
        try:
            response = litellm.completion(
                model=conf.id,
                messages=[dict(message) for message in request.messages],
                num_retries=0,
                max_retries=0,
                drop_params=True,  # not every provider takes a seed
                **{key: value for key, value in asked.items() if value is not None},
            )
        except Exception as error:
            raise self._failure(error) from error
        return self._reply(response)

    def facts(self) -> dict[str, Any]:
        """What is known of a model somebody else serves."""
        return {"kind": "litellm", "id": self._conf.id, "api_base": self._conf.api_base}

    def close(self) -> None:
        """Nothing is held."""

    def _failure(self, error: Exception) -> ModelCallError:
        kind: FailureKind = next(
            (known for cls, known in _KINDS if isinstance(error, cls)), "server"
        )
        if kind == "rate_limit" and "insufficient_quota" in str(getattr(error, "body", "")):
            kind = "quota"  # OpenAI's 429 that no pause mends
        said = first_line(error)
        for name in self._secrets:
            if secret := os.environ.get(name):
                said = said.replace(secret, "***")
        mend = {
            "auth": f"check {self._conf.api_key_env}",
            "quota": "add credit to the account, or choose another model",
        }.get(kind)
        return ModelCallError(
            f"{self._conf.id}: {said}",
            kind=kind,
            key="model.id",
            mend=mend,
            retry_after_s=_retry_after(error),
        )

    def _reply(self, response: Any) -> ChatReply:
        choice = response.choices[0]
        usage = response.usage
        details = getattr(usage, "prompt_tokens_details", None)
        return ChatReply(
            text=choice.message.content or "",
            finish_reason=str(choice.finish_reason or "stop"),
            prompt_tokens=int(usage.prompt_tokens or 0),
            completion_tokens=int(usage.completion_tokens or 0),
            cached_tokens=int(getattr(details, "cached_tokens", None) or 0),
            cost_usd=self._cost(response),
        )

    def _cost(self, response: Any) -> float | None:
        """USD of one reply; None where neither the config nor litellm's map has a price."""
        price = self._conf.price
        if price is not None:
            usage = response.usage
            spent = (usage.prompt_tokens or 0) * price.input_per_million + (
                usage.completion_tokens or 0
            ) * price.output_per_million
            return float(spent / 1e6)
        if listed_price(self._conf.id) is None:
            return None  # litellm would go by the name that the server gives itself
        try:
            return float(litellm.completion_cost(response, model=self._conf.id))
        except Exception:  # litellm raises a bare Exception for a model it does not know
            return None


def listed_price(model: str) -> tuple[float, float] | None:
    """USD per token in and out, from litellm's map; None for a model it does not know."""
    try:
        known = litellm.cost_per_token(model=model, prompt_tokens=1, completion_tokens=1)
    except Exception:  # litellm raises a bare Exception for a model it does not know
        return None
    return float(known[0]), float(known[1])


def _retry_after(error: Exception) -> float | None:
    """Seconds that the server's Retry-After header asks for, in either of its two forms (RFC 9110)."""
    response = getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", {})
    said = str(headers.get("retry-after") or "").strip()
    if not said:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())
