"""ledger: tokens, held for a run, captured or voided image by image; and the usage meter."""

from pathlib import Path

from services.ledger import regenerating
from services.ledger.handlers import SERVICE
from services.ledger.ports import open_ports
from services.ledger.settings import Settings
from shared import service

if __name__ == "__main__":
    settings = Settings()
    service.main(
        SERVICE,
        settings,
        lambda core: open_ports(core, settings),
        migrations=[Path(__file__).parent / "migrations"],
        background=lambda ports: [lambda: regenerating.run(ports)],
    )
