"""How the answers about exports look, for their documentation."""

from pydantic import BaseModel, Field

BATCH_ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
MOMENT = "2026-11-21T03:57:36.691Z"


class _Answer(BaseModel):
    success: bool = True
    timestamp: str = Field(examples=[MOMENT])


class PreviewRecord(BaseModel):
    """One result."""

    url: str = Field(examples=["https://example.com/image1.jpg"])
    success: bool
    store_image: bool
    text_content: str
    store_name: str
    business_contact: str
    image_description: str
    error_message: str | None
    created_at: str


class Preview(BaseModel):
    """How an export begins."""

    preview_records: list[PreviewRecord]
    total_records_shown: int = Field(examples=[100])
    is_preview: bool = True
    filters_applied: dict[str, bool | str]


class PreviewView(_Answer):
    """The answer with a preview."""

    data: Preview


class SummaryBatch(BaseModel):
    """The batch."""

    batch_id: str = Field(examples=[BATCH_ID])
    batch_name: str
    status: str
    created_at: str


class SummaryCounts(BaseModel):
    """Its results."""

    total_results: int = Field(examples=[1500])
    successful_results: int
    failed_results: int
    success_rate: float = Field(description="percent", examples=[96.0])


class Sizes(BaseModel):
    """Megabytes."""

    csv: float
    json_: float = Field(alias="json")
    xlsx: float


class Summary(BaseModel):
    """What an export would hold."""

    batch_info: SummaryBatch
    export_summary: SummaryCounts
    estimated_sizes_mb: Sizes
    available_filters: dict[str, str]


class SummaryView(_Answer):
    """The answer with a summary."""

    data: Summary


class Statistics(BaseModel):
    """What was exported, and what can be."""

    total_exports: int = Field(examples=[150])
    exports_today: int
    popular_formats: dict[str, int] = Field(examples=[{"csv": 60, "xlsx": 30, "json": 10}])
    average_export_size_mb: float
    total_results_available: int
    successful_results_available: int
    total_batches: int
    total_urls_processed: int
    total_successful_urls: int
    max_export_size: int
    supported_formats: list[str]


class StatisticsView(_Answer):
    """The answer with statistics."""

    data: Statistics


class FormatView(BaseModel):
    """A format."""

    name: str
    description: str
    supports_filtering: bool
    supports_metadata: bool
    file_extension: str = Field(examples=[".csv"])
    mime_type: str


class Formats(BaseModel):
    """All formats."""

    supported_formats: dict[str, FormatView]
    default_format: str


class FormatsView(_Answer):
    """The answer with the formats."""

    data: Formats
