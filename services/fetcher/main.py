"""fetcher: brings a submitted image in from the web, once."""

from pathlib import Path

from services.fetcher.handlers import SERVICE
from services.fetcher.ports import open_ports
from services.fetcher.settings import Settings
from shared import service
from shared.db import MIGRATIONS

if __name__ == "__main__":
    settings = Settings()
    service.main(
        SERVICE,
        settings,
        lambda core: open_ports(core, settings),
        migrations=[MIGRATIONS / "gate", Path(__file__).parent / "migrations"],
        retry=settings.retry,
        prefetch=lambda _: settings.fetch_concurrency,
        before_commit=lambda ports: ports.blobs.settle,
        background=lambda ports: [lambda: ports.gate.keep_fresh(ports.database)],
    )
