"""The shapes of what the batches door tells of a batch's chunks, health and errors, for its documentation."""

from pydantic import BaseModel, Field

from services.gateway.api.batches.models import BATCH_ID, TIME


class Chunk(BaseModel):
    """A range of a batch's images."""

    chunk_id: str = Field(examples=["01a1fc40-b7c2-7f0d-9a6e-2f5b8a1f0c22"])
    chunk_number: int = Field(description="from 1", examples=[1])
    status: str = Field(description="pending, processing, completed, or failed: cancelled", examples=["completed"])
    url_count: int = Field(examples=[1000])
    processed_count: int = Field(examples=[1000])
    successful_count: int = Field(examples=[950])
    failed_count: int = Field(examples=[50])
    progress_percentage: float = Field(examples=[100.0])
    started_at: str | None = Field(examples=[TIME])
    completed_at: str | None = Field(examples=[TIME])
    processing_time_seconds: float | None = Field(examples=[885.5])
    error_message: str | None


class Chunks(BaseModel):
    """A batch's chunks, in order."""

    batch_id: str = Field(examples=[BATCH_ID])
    chunks: list[Chunk]
    total_chunks: int = Field(examples=[1])


class Metrics(BaseModel):
    """What the health score is made of; rates from 0 to 1."""

    total_chunks: int
    completed_chunks: int
    failed_chunks: int
    total_urls: int
    processed_urls: int
    successful_urls: int
    success_rate: float = Field(examples=[0.96])
    completion_rate: float = Field(examples=[0.5])


class Factors(BaseModel):
    """Scores from 0 to 100."""

    success_rate: float = Field(examples=[96.0])
    processing_speed: float = Field(examples=[95.0])
    error_patterns: float = Field(examples=[100.0])


class HealthScore(BaseModel):
    """How well a batch does."""

    success: bool
    batch_id: str = Field(examples=[BATCH_ID])
    health_score: float = Field(examples=[95.5])
    status: str = Field(examples=["processing"])
    metrics: Metrics
    factors: Factors
    issues: list[str] = Field(examples=[["Low success rate (40.0%)"]])
    recommendations: list[str] = Field(examples=[["Batch is performing well"]])
    age_hours: float = Field(examples=[0.3])


class ErrorCategories(BaseModel):
    """Failures by whom to ask."""

    network_errors: int = Field(examples=[15])
    invalid_urls: int = Field(examples=[10])
    processing_errors: int = Field(examples=[5])


class TopError(BaseModel):
    """A problem, and how much of all failures it is."""

    error_type: str = Field(examples=["connection_timeout"])
    count: int = Field(examples=[12])
    percentage: float = Field(examples=[40.0])
    category: str = Field(examples=["network_errors"])


class ErrorAnalysis(BaseModel):
    """What went wrong in a batch."""

    success: bool
    batch_id: str = Field(examples=[BATCH_ID])
    total_errors: int = Field(examples=[30])
    error_categories: ErrorCategories
    top_errors: list[TopError] = Field(description="the most frequent first; percentages add up to 100")
    total_failed_urls: int = Field(examples=[30])
    total_failed_chunks: int = Field(examples=[0])
    url_error_patterns: dict[str, int] = Field(examples=[{"connection_timeout": 12}])
    chunk_error_patterns: dict[str, int] = Field(examples=[{}])
    recommendations: list[str] = Field(examples=[["Check network connectivity", "Validate URL format"]])
