"""The shapes of what the batches door tells of a batch, for its documentation."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

T = TypeVar("T")

BATCH_ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
RESULT_ID = "01a1fc40-a9d1-7c30-b1a4-0d2f6f1f7a11"
TIME = "2026-11-21T03:57:36.691Z"
URL = "https://example.com/image1.jpg"
STATUS = "pending, queued, processing, paused, completed, failed or cancelled"


class Envelope(BaseModel, Generic[T]):
    """How the door wraps an answer."""

    success: bool = Field(examples=[True])
    data: T
    timestamp: str = Field(examples=[TIME])


class Pong(BaseModel):
    """It answers."""

    status: str = Field(examples=["ok"])


class BatchInfo(BaseModel):
    """A batch as it was created."""

    batch_id: str = Field(examples=[BATCH_ID])
    batch_name: str = Field(examples=["My Image Analysis Batch"])
    total_urls: int = Field(examples=[1500])
    total_chunks: int = Field(examples=[1])
    chunk_size: int = Field(examples=[2000])
    chunks_created: int = Field(examples=[1])
    status: str = Field(description="pending, or QUEUED when it was started", examples=["QUEUED"])
    estimated_time_hours: float = Field(examples=[0.4167])
    auto_started: bool | None = Field(None, description="only where it was to start at once")
    auto_start_error: str | None = Field(None, examples=["Maximum concurrent batches (20) reached"])


class CreatedBatch(BaseModel):
    """A new batch."""

    batch_id: str = Field(examples=[BATCH_ID])
    batch_info: BatchInfo


class Creation(Envelope[CreatedBatch]):
    """A batch was created."""

    message: str = Field(examples=["Batch created and processing started"])


class Uploaded(BaseModel):
    """A batch was created from the web form."""

    success: bool = Field(examples=[True])
    batch_id: str = Field(examples=[BATCH_ID])
    batch_info: BatchInfo
    redirect_url: str = Field(examples=[f"/batch/{BATCH_ID}"])
    timestamp: str = Field(examples=[TIME])


class BatchItem(BaseModel):
    """A batch in a list."""

    batch_id: str = Field(examples=[BATCH_ID])
    batch_name: str = Field(examples=["My Image Analysis Batch"])
    description: str | None
    total_urls: int = Field(examples=[1500])
    chunk_size: int = Field(examples=[2000])
    total_chunks: int = Field(examples=[1])
    processed_count: int = Field(examples=[750])
    successful_count: int = Field(examples=[720])
    failed_count: int = Field(examples=[30])
    cancelled_count: int = Field(examples=[0])
    current_chunk: int = Field(examples=[1])
    progress_percentage: float = Field(examples=[50.0])
    status: str = Field(description=STATUS, examples=["processing"])
    is_active: bool = Field(description="pending, queued or processing")
    created_at: str = Field(examples=[TIME])
    updated_at: str = Field(examples=[TIME])
    started_at: str | None = Field(examples=[TIME])
    completed_at: str | None
    estimated_completion: str | None = Field(examples=[TIME])
    processing_rate: float = Field(description="images per minute", examples=[50.0])
    success_rate: float = Field(description="percent", examples=[96.0])
    original_filename: str = Field(examples=["urls.csv"])
    error_message: str | None = Field(description="what happened to it as a whole")
    retry_count: int
    columns: list[str] = Field(description="carried along beside the URLs", examples=[["sku"]])
    operation: str = Field(examples=["analyze"])
    provider: str = Field(examples=["auto"])
    webhook_url: str | None
    is_soft_deleted: bool
    deletion_date: str | None


class Pagination(BaseModel):
    """Where in the list these are."""

    page: int = Field(examples=[1])
    per_page: int = Field(examples=[50])
    has_next: bool
    total_returned: int = Field(examples=[1])


class BatchList(BaseModel):
    """Batches, newest first."""

    batches: list[BatchItem]
    count: int = Field(examples=[1])
    limit: int = Field(examples=[50])
    status_filter: str | None


class BatchPage(Envelope[BatchList]):
    """A page of batches."""

    pagination: Pagination


class Progress(BaseModel):
    """How far a batch is."""

    batch_id: str = Field(examples=[BATCH_ID])
    status: str = Field(description=STATUS, examples=["processing"])
    progress_percentage: float = Field(examples=[50.0])
    processed_count: int = Field(examples=[750])
    total_urls: int = Field(examples=[1500])
    successful_count: int = Field(examples=[720])
    failed_count: int = Field(examples=[30])
    current_chunk: int = Field(examples=[1])
    total_chunks: int = Field(examples=[1])
    estimated_completion: str | None = Field(examples=[TIME])
    processing_rate_per_minute: float = Field(examples=[50.0])
    is_active: bool


class ChunkStatistics(BaseModel):
    """How many chunks have which status."""

    total: int = Field(examples=[4])
    completed: int
    processing: int
    pending: int
    failed: int


class RecentError(BaseModel):
    """An image that failed lately."""

    url: str = Field(examples=[URL])
    error_message: str = Field(examples=["http_404: The host answered 404."])
    created_at: str = Field(examples=[TIME])


class RecentResult(BaseModel):
    """What came of an image lately."""

    result_id: str = Field(examples=[RESULT_ID])
    url: str = Field(examples=[URL])
    success: bool
    store_name: str
    error_message: str | None


class Timing(BaseModel):
    """When, and how long."""

    created_at: str = Field(examples=[TIME])
    started_at: str | None
    completed_at: str | None
    elapsed_time_minutes: float = Field(examples=[15.0])
    estimated_completion: str | None
    remaining_time_minutes: float | None = Field(examples=[15.0])


class Performance(BaseModel):
    """How fast, and how well."""

    processing_rate_per_minute: float = Field(examples=[50.0])
    success_rate: float = Field(examples=[96.0])
    success_rate_percentage: float = Field(examples=[96.0])
    average_time_per_url: float = Field(description="seconds", examples=[1.2])


class BatchStatus(BaseModel):
    """Where a batch is: the flat fields of one client, the nested ones of another."""

    batch_id: str = Field(examples=[BATCH_ID])
    status: str = Field(description=STATUS, examples=["processing"])
    created_at: str = Field(examples=[TIME])
    updated_at: str = Field(examples=[TIME])
    total_files: int = Field(examples=[1500])
    processed_files: int = Field(examples=[750])
    progress_percentage: float = Field(examples=[50.0])
    chunk_statistics: ChunkStatistics
    processing_rate: float = Field(examples=[50.0])
    estimated_completion: str | None = Field(examples=[TIME])
    recent_errors: list[RecentError]
    batch_info: BatchItem
    progress: Progress
    timing: Timing
    performance: Performance


class BatchDetails(BatchStatus):
    """The same, with what is known of the latest images."""

    batch_name: str = Field(examples=["My Image Analysis Batch"])
    description: str | None
    total_urls: int = Field(examples=[1500])
    processed_count: int = Field(examples=[750])
    successful_count: int = Field(examples=[720])
    recent_results: list[RecentResult]
