"""The local image engine: one function per operation, run inside a worker process."""

from services.enhancer.engines.compress import compress
from services.enhancer.engines.enhance import enhance
from services.enhancer.engines.rendering import Operation

OPERATIONS: dict[str, Operation] = {"compress": compress, "enhance": enhance}
