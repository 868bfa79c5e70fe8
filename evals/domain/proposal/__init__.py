"""What a proposed change does: told alike by the command line and by the server.

Pure: it knows what the change was and what is wrong with it, and nothing of any evaluation.
"""

from __future__ import annotations

from evals.domain.proposal.making import report_of
from evals.domain.proposal.page import blocks, fitting, headline, traits
from evals.domain.proposal.value import ChangeReport, PromptChange

__all__ = ["ChangeReport", "PromptChange", "blocks", "fitting", "headline", "report_of", "traits"]
