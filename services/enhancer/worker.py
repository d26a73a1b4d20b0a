"""What runs inside a worker process: reads one request per line, renders it, answers with one line, and nothing else.

Started by services/enhancer/sandbox.py. It imports only what rendering needs, so that it starts quickly.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import pyvips

from services.enhancer.confinement import SandboxLimits, confine, renew_cpu_seconds, resident_bytes
from services.enhancer.engines import OPERATIONS
from services.enhancer.engines.failures import problem_of_decoder, problem_of_files
from services.enhancer.engines.vips import allow_known_loaders_only
from shared.errors import Permanent, Problem, Transient
from shared.sniff import sniff


def main() -> None:
    """Confine this process, then serve until the parent closes the line."""
    limits = SandboxLimits(**json.loads(sys.argv[1]))
    requests, answers = _claim_line()
    confine(limits, parent=int(sys.argv[2]))
    allow_known_loaders_only()
    _say(answers, {"ready": True})
    for line in requests:
        renew_cpu_seconds(limits.cpu_seconds)
        _say(answers, {**answer(json.loads(line), limits), "resident_bytes": resident_bytes()})


def answer(request: dict[str, Any], limits: SandboxLimits) -> dict[str, Any]:
    """Do what is requested: facts about its output, or the problem that prevented it."""
    try:
        return read(request, limits) if request["operation"] == "analyze" else render(request, limits)
    except Problem as problem:
        return _failure(problem)
    except MemoryError:
        return _failure(Permanent("out_of_memory", "The picture needs more memory than one image may have."))
    except pyvips.Error as error:
        return _failure(problem_of_decoder(str(error)))
    except OSError as error:
        return _failure(problem_of_files(error))


def render(request: dict[str, Any], limits: SandboxLimits) -> dict[str, Any]:
    """Read the source, run the operation, write the output; Problem, MemoryError, pyvips.Error or OSError."""
    started = time.perf_counter()
    source = Path(request["source"])
    found = sniff(source, pixels_max=limits.pixels_max, frames_max=limits.frames_max)
    made = OPERATIONS[request["operation"]](source, found, **request["params"])
    Path(request["output"]).write_bytes(made.data)
    return {
        "format": made.format,
        "width": made.width,
        "height": made.height,
        "bytes": len(made.data),
        "digest": hashlib.sha256(made.data).hexdigest(),
        "source_width": found.width,
        "source_height": found.height,
        "seconds": round(time.perf_counter() - started, 6),
    }


def read(request: dict[str, Any], limits: SandboxLimits) -> dict[str, Any]:
    """Analyse the source; Problem, MemoryError, pyvips.Error or OSError."""
    from services.enhancer.engines.analyze import analyze  # a second, and 100 MB, that those who render do not need

    source = Path(request["source"])
    found = sniff(source, pixels_max=limits.pixels_max, frames_max=limits.frames_max)
    return {"analysis": analyze(source, found, **request["params"]).model_dump()}


def _failure(problem: Problem) -> dict[str, Any]:
    return {"problem": problem.problem, "detail": problem.detail, "transient": isinstance(problem, Transient)}


def _claim_line() -> tuple[BinaryIO, BinaryIO]:
    """Take the line to the parent for ourselves: a library that prints must not be taken for an answer."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return requests, answers


def _say(answers: BinaryIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
