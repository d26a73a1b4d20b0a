"""exporter: remembers how images end, and turns that into result files and signed webhooks."""

from pathlib import Path

from services.exporter.handlers import SERVICE
from services.exporter.ports import open_ports
from services.exporter.settings import Settings
from shared import service

if __name__ == "__main__":
    settings = Settings()
    service.main(
        SERVICE,
        settings,
        lambda core: open_ports(core, settings),
        migrations=[Path(__file__).parent / "migrations"],
        prefetch=settings.prefetch,
        before_commit=lambda ports: ports.blobs.settle,
        background=lambda ports: [ports.deliverer.run, ports.upkeep.run],
    )
