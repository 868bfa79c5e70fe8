"""What a run measures: which version, beside which live one, on which model, under which rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from evals import queries
from evals.domain.forecast import Forecast
from evals.domain.suite import SuiteSpec
from evals.errors import GateUnknownError, SuitesUnusableError
from evals.follow import combined_digest
from evals.models import ProposedVersion, Suite
from evals.plan import forecast_run, guess_tokens
from registry import queries as registry_queries
from registry.domain.actor import Actor, Scope
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy as PolicyRule
from registry.domain.version import VersionContent
from registry.errors import ModelUnknownError, TagNotSetError
from registry.models import GatePolicy, ModelVersion, Prompt, PromptVersion


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be measured. `baseline` None: there is nothing to compare with."""

    prompt: str
    version: PromptVersion | ProposedVersion
    model: ModelVersion
    tag: str
    policy: GatePolicy
    suites: tuple[Suite, ...]
    #: The suites as values, in the same order: reading thousands of cases is done once.
    specs: tuple[SuiteSpec, ...]
    #: One digest over all of them.
    suite_digest: str
    baseline: PromptVersion | None

    @property
    def candidate(self) -> dict[str, Any]:
        """The version as a run's column."""
        column = "version" if isinstance(self.version, PromptVersion) else "proposed"
        return {column: self.version}

    @property
    def rule(self) -> PolicyRule:
        """The policy as a value."""
        return PolicyRule.from_json(self.policy.spec)


def candidate(*, prompt: str, version: int, model: str | None, tag: str) -> Subject:
    """A version that wants to carry `tag`. Raises NotFoundError kinds, GateUnknownError,
    SuitesUnusableError.
    """
    row = registry_queries.prompt(prompt)
    return _subject(row, registry_queries.version(row, version), model, tag)


def live_against_itself(*, prompt: str, model: str | None, tag: str) -> Subject:
    """What is live as both arms. Raises as `candidate`, and TagNotSetError."""
    row = registry_queries.prompt(prompt)
    live = registry_queries.live_version(row, tag)
    if live is None:
        raise TagNotSetError(f"{prompt} has no {tag} yet", prompt=prompt, tag=tag)
    subject = _subject(row, live, model, tag)
    return replace(subject, baseline=live)


def _subject(row: Prompt, version: PromptVersion, model: str | None, tag: str) -> Subject:
    name = model or row.default_model
    if not name:
        raise ModelUnknownError(
            f"{row.name} names no default model", hint="say which model: --model NAME"
        )
    policy = registry_queries.policy_for(row, tag)
    if policy is None:
        raise GateUnknownError(f"no gate policy guards {tag}")
    suites = queries.current_suites(row)
    if combined_digest({suite.name: suite.digest for suite in suites}) != row.suite_digest:
        raise SuitesUnusableError(f"the suites of {row.name} are being changed; try again")
    pin = registry_queries.current_model(name)
    specs = queries.suite_specs(suites)
    baseline = None
    if compares(PolicyRule.from_json(policy.spec), specs):
        baseline = live_beside(row, version, tag)
    return Subject(row.name, version, pin, tag, policy, suites, specs, row.suite_digest, baseline)


def proposed(
    *, version: ProposedVersion, suites: Sequence[Suite], model: str, gate: str | None, tag: str
) -> Subject:
    """A version that no sync has published, measured with these suites.

    Its prompt may be as new; then `gate` is the policy it names. The policies are those of the
    followed branch, whatever the change says of them. Raises ModelUnknownError, GateUnknownError.
    """
    row = Prompt.objects.filter(name=version.prompt_name).first()
    policy = registry_queries.policy_for(row or Prompt(gate=gate or ""), tag)
    if policy is None:
        raise GateUnknownError(f"no gate policy guards {tag}")
    specs = queries.suite_specs(suites)
    baseline = None
    if row is not None and compares(PolicyRule.from_json(policy.spec), specs):
        baseline = live_beside(row, version, tag)
    digest = combined_digest({suite.name: suite.digest for suite in suites})
    pin = registry_queries.current_model(model)
    return Subject(
        version.prompt_name, version, pin, tag, policy, tuple(suites), specs, digest, baseline
    )


def live_beside(
    row: Prompt, version: PromptVersion | ProposedVersion, tag: str
) -> PromptVersion | None:
    """What the candidate would replace; a canary is measured against what it would join."""
    live = registry_queries.live_version(row, registry_queries.compared_tag(tag))
    return live if live is not None and live.number != version.number else None


def compares(rule: PolicyRule, suites: Sequence[SuiteSpec]) -> bool:
    """Whether anything looks at the live version: asking it costs as much as the candidate."""
    checks = {
        check.type for suite in suites for case in suite.cases for check in suite.checks_of(case)
    }
    is_timed = any(suite.latency is not None for suite in suites)
    return rule.margin is not None or bool(rule.guardrails) or is_timed or "pairwise" in checks


def plan(*, prompt: str, version: int, model: str | None, tag: str, actor: Actor) -> Forecast:
    """What a run would cost and could decide; nothing is started. Raises as `candidate`, and
    NotAllowedError.
    """
    actor.require(Scope.EVALUATE, prompt)
    return forecast(candidate(prompt=prompt, version=version, model=model, tag=tag))


def forecast(subject: Subject) -> Forecast:
    """What a run of it will cost, and what it can decide."""
    content = VersionContent.from_json(subject.version.content)
    estimate = queries.measured_tokens(subject.prompt, subject.model)
    pin = ModelPin.from_json(subject.model.pin)
    return forecast_run(
        subject.specs,
        subject.rule,
        pin,
        estimate or guess_tokens(content, subject.specs),
        compares=subject.baseline is not None,
        flip_rate=queries.flip_rate(subject.prompt, subject.model),
    )
