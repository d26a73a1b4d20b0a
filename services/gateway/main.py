"""gateway: takes jobs in over HTTP, lets their images into the pipeline, and tells what became of them."""

from pathlib import Path

from services.gateway.api.app import serve
from services.gateway.batches import deleting
from services.gateway.dispatch import Dispatcher
from services.gateway.handlers import SERVICE
from services.gateway.ports import open_ports
from services.gateway.settings import Settings
from shared import service

if __name__ == "__main__":
    settings = Settings()
    service.main(
        SERVICE,
        settings,
        lambda core: open_ports(core, settings),
        migrations=[Path(__file__).parent / "migrations"],
        background=lambda ports: [
            *(ports.live.listen, ports.keyring.note_uses),
            Dispatcher(ports.database, ports.relay, ports.live, settings).run,
            *(lambda: deleting.sweep(ports), lambda: serve(ports)),
        ],
    )
