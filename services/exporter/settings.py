"""The exporter's knobs."""

from pydantic_settings import SettingsConfigDict

from shared.events import Event, ExportRequested, ReportRequested
from shared.settings import SharedSettings

PREFETCH = 200


class Settings(SharedSettings):
    """Limits of a result file and of one webhook attempt.

    Large reports are written a few at a time, and small ones beside them: nobody waits minutes for ten rows.
    Results of a deleted job are kept for a moment, for clones of it that are still to be heard of.
    A lease outlasts an attempt (look-up, line, request): an attempt cut off by a crash is made again after it.
    """

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", env_file=".env", extra="ignore")

    REPORTED = ("export_concurrency", "export_rows_max", "webhook_concurrency")

    export_rows_max: int = 1_000_000
    export_concurrency: int = 2
    small_reports_concurrency: int = 2
    deleted_results_seconds: float = 30
    webhook_seconds: float = 15
    webhook_host_wait_seconds: float = 2
    webhook_lease_seconds: float = 60
    webhook_concurrency: int = 32
    webhook_per_host_connections: int = 4

    def prefetch(self, event: type[Event]) -> int:
        """How many events of a type are handled at once."""
        large = self.export_concurrency
        return {ExportRequested: large, ReportRequested: large + self.small_reports_concurrency}.get(event, PREFETCH)
