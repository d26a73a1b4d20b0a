"""HEAD at the batches door: what GET answers, without its body."""

from fastapi import APIRouter
from fastapi.routing import APIRoute


def answer_heads(router: APIRouter) -> None:
    """Let every GET of a router be asked by HEAD too; the server leaves the body out."""
    for route in [each for each in router.routes if isinstance(each, APIRoute) and each.methods == {"GET"}]:
        path = route.path.removeprefix(router.prefix)
        router.add_api_route(path, route.endpoint, methods=["HEAD"], include_in_schema=False)
