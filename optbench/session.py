"""A task's phases, once everything it needs stands: baseline, optimise, final."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from typing import Any

from optbench.agents.program import Program
from optbench.agents.protocol import Agent
from optbench.config.schema import LIMITS, Config, TrackingKind
from optbench.data.items import Data, SliceName
from optbench.errors import BudgetExhausted, Fatal, OptbenchError
from optbench.imports import Allowed
from optbench.layout import JobFolder, SharedFolder
from optbench.metrics.base import Judged, Metric, oriented
from optbench.models.build import known_answers, open_gateway
from optbench.models.calls import Phase
from optbench.models.gateway import Alias
from optbench.models.ledger import Ledger
from optbench.models.llamacpp import Served
from optbench.models.recording import Recording
from optbench.optimizers import build as optimizers
from optbench.optimizers.protocol import Outcome, Problem
from optbench.progress import Display
from optbench.prompts import Candidate, Prompt
from optbench.proposals import Proposals
from optbench.recorder import Recorder, Trial
from optbench.rollouts import Evaluation, Runner
from optbench.summary import lifts, show
from optbench.tracking.tracker import Tracker
from optbench.versions import versions

OnPhase = Callable[[Phase, dict[str, Any]], None]


class Session:
    """Everything of one running task; ``stack`` ends what it starts."""

    def __init__(
        self,
        config: Config,
        data: Data,
        prompt: Candidate,
        agent: Agent,
        metrics: Mapping[str, Metric],
        ledger: Ledger,
        folder: JobFolder,
        title: str,
        stack: ExitStack,
        *,
        shared: SharedFolder,
        recording: Recording | None = None,
        served: Served | None = None,
    ) -> None:
        self._config = config
        self._data = data
        # Libraries that take items as they come would show every seed the same ones.
        self._train = data.train.reordered(config.seed)
        self._prompt = prompt
        self._metrics = metrics
        self._ledger = ledger
        self._folder = folder
        self._recording = recording
        self._timings: dict[str, float] = {}
        columns = prompt.placeholders() & set(data.train.items[0].row)
        self.display = Display(title, ledger)
        objective = next(iter(metrics.values()))
        answers = known_answers(config, data, columns, objective)
        self.gateway = open_gateway(
            config, ledger, answers, stack, shared=shared, recording=recording, served=served
        )
        for metric in metrics.values():
            if isinstance(metric, Judged):
                metric.judge_with(lambda asked: self.gateway.complete("judge", asked, "judge"))
        self.display.share = self._share_spent
        self._recorder = Recorder(
            folder,
            ledger,
            list(metrics),
            elapsed=self.gateway.meter.elapsed,
            on_rollout=self.display.rollout,
            on_trial=self._tried,
        )
        self._proposals = Proposals(config, ledger, self._recorder, prompt)
        self.runner = Runner(
            Program(agent, self.gateway, prompt),
            self.gateway,
            metrics,
            n_threads=config.n_threads,
            listen=self._recorder.add,
        )
        self._best_prompt = prompt
        """The best candidate that was scored on the whole validation slice."""
        self._best_score = float("-inf")
        self._tracker = self._track(columns, stack)
        # Entered last and so left first: whatever ends a task, its rollouts are on disk.
        stack.callback(self._recorder.flush)
        stack.callback(self._recorder.close_trial)

    def _track(self, columns: set[str], stack: ExitStack) -> Tracker:
        conf = self._config.tracking
        if conf.kind is TrackingKind.local:
            from optbench.tracking.store import OpikStore
            from optbench.tracking.transport import install

            store = OpikStore(self._folder.opik)
            stack.callback(store.close)
            transport = install()
            transport.attach(store)
            stack.callback(transport.detach)
        shown = columns | {column for metric in self._metrics.values() for column in metric.columns}
        shown |= Prompt(
            ({"role": "assistant", "content": self._config.dataset.demonstration},)
        ).placeholders()
        tracker = Tracker(
            project=conf.project, dataset=self._config.dataset.name, columns=shown, spans=conf.spans
        )
        tracker.know((self._train, self._data.validation, self._data.test))
        stack.callback(tracker.close)
        return tracker

    def run(
        self,
        *,
        on_phase: OnPhase = lambda *_: None,
        on_progress: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Runs the phases; the result, without the task's identity.

        Args:
            on_phase: Told of each phase as it begins, with how far it is.
            on_progress: Told from time to time how far it is, see :meth:`Display.progress`.

        Raises:
            NoProposalsError: When an optimizer that should propose tried no candidate.
            OptbenchError: When a model or a metric failed.
        """
        self.display.on_progress = on_progress
        try:
            with self.display.running():
                return self._run(on_phase)
        except Fatal as halt:
            raise halt.error from halt

    def _run(self, on_phase: OnPhase) -> dict[str, Any]:
        self._enter("baseline", self._items(), on_phase)
        initial = self._evaluate(self._prompt, "baseline")
        self._best_score = self.runner.score_of(initial["validation"])
        self.runner.give(initial["validation"])
        self._enter("optimise", self._config.budget.rollouts, on_phase)
        outcome = self._optimise(initial["validation"])
        changed = outcome.prompt.fingerprint != self._prompt.fingerprint
        # An unchanged prompt has its scores already: a second measurement would only add noise.
        self._enter("final", self._items() if changed else 0, on_phase)
        final = self._evaluate(outcome.prompt, "final") if changed else initial
        self._leave()
        self.display.on_progress(self.display.progress())
        return self._result(initial, outcome, final, changed=changed)

    def show(self, result: dict[str, Any]) -> None:
        """The closing table and where the files are."""
        show(result, self._folder.path, self.display.console)

    def _items(self) -> int:
        return len(self._data.validation) + len(self._data.test)

    def _enter(self, phase: Phase, total: int | None, on_phase: OnPhase) -> None:
        self._leave()
        self.gateway.phase = phase
        self._timings[phase] = -time.perf_counter()
        self.display.phase(phase, total)
        on_phase(phase, self.display.progress())

    def _leave(self) -> None:
        """Closes the running phase's clock, and saves what it brought."""
        for phase, begun in self._timings.items():
            if begun < 0:
                self._timings[phase] = round(begun + time.perf_counter(), 3)
                self._recorder.flush()

    def _evaluate(self, prompt: Candidate, name: str) -> dict[SliceName, Evaluation]:
        done: dict[SliceName, Evaluation] = {}
        for part in (self._data.validation, self._data.test):
            done[part.name] = self.runner.evaluate(prompt, part)
            self._tracker.log_evaluation(name, done[part.name])
        return done

    def _optimise(self, baseline: Evaluation) -> Outcome:
        conf = self._config.optimizer
        optimizer = optimizers.build(conf, Allowed.of(self._config.allow_imports))
        problem = Problem(
            prompt=self._prompt,
            train=self._train,
            validation=self._data.validation,
            baseline=baseline,
            seed=self._config.seed,
            demonstration=self._config.dataset.demonstration,
            runner=self.runner,
            ask=lambda request: self.gateway.complete("optimizer", request, "optimizer"),
            tracker=self._tracker,
        )
        self.gateway.meter.start()
        outcome = None
        with self._provider():
            try:
                outcome = optimizer.optimize(problem, **optimizers.as_keywords(conf.optimize))
            except BudgetExhausted:
                pass  # the meter says which
            except Exception as error:
                self._recorder.close_trial()
                if optimizer.proposes and self._proposals.failed():
                    raise self._proposals.error() from error
                raise
            finally:
                problem.over.set()
        self._recorder.close_trial()
        if self.gateway.fatal is not None:
            raise Fatal(self.gateway.fatal)
        exhausted = self.gateway.meter.exhausted
        if optimizer.proposes and (
            self._proposals.never_answered() or (not self._proposals and exhausted is None)
        ):
            raise self._proposals.error()
        if exhausted is None:
            if not isinstance(outcome, Outcome):
                raise OptbenchError(
                    f"optimizer '{conf.name}' gave {type(outcome).__name__} back, no Outcome",
                    key="optimizer.target",
                    mend="let optimize() return optbench.optimizers.protocol.Outcome",
                )
            return outcome
        # Some optimizers end with a result when their calls are refused: built on scores that they
        # never got, so it is no more to be trusted than none.
        details = outcome.details if isinstance(outcome, Outcome) else {}
        return Outcome(self._best_prompt, f"budget:{exhausted}", details)

    def _provider(self) -> Any:
        """Libraries that bring their own calls reach the gateway through litellm."""
        from optbench.config.optimizers import OpikConf

        if not isinstance(self._config.optimizer, OpikConf):
            return nullcontext()
        from optbench.models.provider import registered

        return registered(self.gateway)

    def _tried(self, trial: Trial) -> None:
        whole = trial.slice == "validation" and trial.items == len(self._data.validation)
        objective = self.runner.objective
        score = oriented(self._metrics[objective], trial.means[objective])
        better = whole and score > self._best_score
        if better:
            self._best_score, self._best_prompt = score, trial.prompt
        self.display.trial(trial, objective, whole=whole, better=better)

    def _share_spent(self, trials: int) -> float:
        return min(1.0, max(trials / self._config.budget.trials, self.gateway.meter.share()))

    def _judged(self) -> bool:
        return any(isinstance(metric, Judged) for metric in self._metrics.values())

    def _facts(self, alias: Alias) -> dict[str, Any]:
        model = self.gateway.routes[alias].model
        if model is not None:
            return model.facts()
        return self._recording.model_facts(alias) if self._recording else {}

    def _result(
        self,
        initial: Mapping[SliceName, Evaluation],
        outcome: Outcome,
        final: Mapping[SliceName, Evaluation],
        *,
        changed: bool,
    ) -> dict[str, Any]:
        conf = self._config
        routes = self.gateway.routes
        return {
            "dataset": conf.dataset.name,
            "agent": conf.agent.name,
            "optimizer": conf.optimizer.name,
            "model": conf.model.name,
            "optimizer_model": routes["optimizer"].name,
            "judge_model": routes["judge"].name if self._judged() else None,
            "budget": {
                name: value for name in LIMITS if (value := getattr(conf.budget, name)) is not None
            },
            "seed": conf.seed,
            "test_mode": conf.test_mode,
            "objective": self.runner.objective,
            "directions": {name: metric.direction for name, metric in self._metrics.items()},
            "items": {part.name: len(part) for part in self._data},
            "fingerprints": {part.name: part.fingerprint for part in self._data},
            "scores": {
                "initial": {name: done.means() for name, done in initial.items()},
                "final": {name: done.means() for name, done in final.items()},
            },
            "lift": lifts(initial, final, self._metrics, seed=conf.seed),
            "prompt_changed": changed,
            "prompts": {"initial": self._prompt.to_json(), "final": outcome.prompt.to_json()},
            "finish_reason": outcome.finish_reason,
            "trials": len(self._recorder.trials),
            "rollouts": sum(trial.items for trial in self._recorder.trials),
            "candidates": len(self._proposals),
            "optimizer_details": dict(outcome.details),
            "ledger": self._ledger.summary(),
            "models": {
                alias: self._facts(alias)
                for alias in sorted(routes)
                if alias != "judge" or self._judged()
            },
            "versions": versions(),
            "timings": {"unit": "s", **self._timings},
        }
