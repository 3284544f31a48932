"""Who calls, and that nobody reaches what is another's: for `langgraph.json`.

Replace `authenticate` by your own, such as one that checks a JWT. All that follows builds on the
identity that it returns: the store's namespaces begin with it, threads belong to it, and the
graphs of holdfast write below it. What no handler here allows is refused.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from langgraph_sdk import Auth

from holdfast.errors import ConfigurationError
from holdfast.graphs import pin

auth = Auth()

# {"a long random token": "nora", ...}
IDENTITIES: Mapping[str, str] = json.loads(os.environ["AUTH_TOKENS"])


@auth.authenticate
async def authenticate(authorization: str | None) -> Auth.types.MinimalUserDict:
    """Return who calls, by the token in `Authorization: Bearer ...`."""
    scheme, _, token = (authorization or "").partition(" ")
    identity = IDENTITIES.get(token) if scheme.lower() == "bearer" else None
    if identity is None:
        raise Auth.exceptions.HTTPException(status_code=401, detail="No such token.")
    try:
        pin(identity)
    except ConfigurationError as error:
        raise Auth.exceptions.HTTPException(status_code=401, detail=str(error)) from error
    return {"identity": identity}


@auth.on
async def refuse(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Refuse what none of the handlers below allows: assistants of one's own, crons."""
    return False


@auth.on.store
async def own_memories(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> None:
    """Move every request to the store below the caller's identity."""
    value["namespace"] = pin(ctx.user.identity, value.get("namespace"))


@auth.on.threads
async def own_threads(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> dict[str, str]:
    """Mark threads and runs with their owner, and let nobody else see them."""
    owner = {"owner": ctx.user.identity}
    if value.get("metadata") is None:
        value["metadata"] = {}
    value["metadata"].update(owner)
    return owner


@auth.on(resources="assistants", actions=["read", "search"])
async def graphs_of_all(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """Let everybody see the graphs; nobody may set one up with a config of their own."""
    return True
