"""What a path allows, where a wrong method is answered: the framework names the methods of one of its routes only."""

from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Scope


def allowed_methods(routes: Iterable[BaseRoute], scope: Scope) -> str:
    """The methods of a request's path, as the header Allow names them; a path without parameters goes first."""
    fitting = [route for route in routes if isinstance(route, APIRoute) and route.matches(scope)[0] != Match.NONE]
    exact = [route for route in fitting if not route.param_convertors]
    return ", ".join(sorted({method for route in exact or fitting for method in route.methods or ()}))
