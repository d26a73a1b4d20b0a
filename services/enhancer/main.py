"""enhancer: makes renditions of fetched images, or analyses them, in worker processes that a bad image can't harm."""

from pathlib import Path

from services.enhancer.handlers import SERVICE
from services.enhancer.ports import open_ports
from services.enhancer.settings import Settings
from shared import service
from shared.db import MIGRATIONS

if __name__ == "__main__":
    settings = Settings()
    service.main(
        SERVICE,
        settings,
        lambda core: open_ports(core, settings),
        migrations=[MIGRATIONS / "gate", Path(__file__).parent / "migrations"],
        prefetch=lambda _: settings.concurrency,
        before_commit=lambda ports: ports.blobs.settle,
        background=lambda ports: [lambda: ports.gate.keep_fresh(ports.database)],
    )
