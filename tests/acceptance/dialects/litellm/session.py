"""Answers each line of stdin by what LiteLLM's own generic prompt manager makes of a prompt."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from litellm.integrations.generic_prompt_management.generic_prompt_manager import (
    GenericPromptManager,
)

manager = GenericPromptManager(api_base=sys.argv[1], api_key=sys.argv[2])


async def filled_in(given: dict[str, Any]) -> Any:
    try:
        _, messages, parameters = await manager.async_get_chat_completion_prompt(
            model="little",
            messages=[{"role": "user", "content": "Hi"}],
            non_default_params={},
            prompt_id=given["prompt_id"],
            prompt_variables=given["values"],
            dynamic_callback_params={},
            litellm_logging_obj=None,
        )
    except ValueError as error:
        return {"error": str(error)}
    return {"messages": messages, "parameters": parameters}


async def main() -> None:
    for line in sys.stdin:
        print(json.dumps(await filled_in(json.loads(line))), flush=True)


asyncio.run(main())
