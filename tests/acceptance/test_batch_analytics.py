"""A batch's health and errors over HTTP (case 2-17)."""

from uuid import uuid4

import httpx

from tests.batch_builders import batch_csv, create_batch, run_batch, told
from tests.builders import Site


def bad(site: Site, path: str) -> str:
    """A URL of the site's that nobody asked for before."""
    return f"{site.url}/{path}?{uuid4().hex}"


async def test_2_17_half_of_the_images_failed(client: httpx.AsyncClient, site: Site) -> None:
    failing = [bad(site, "missing.jpg") for _ in range(3)] + [bad(site, "not-an-image.jpg"), bad(site, "drawing.svg")]
    batch_id = await run_batch(client, batch_csv([*site.photos(5), *failing]))
    status = await told(client, f"/batches/{batch_id}/status")
    assert (status["status"], status["performance"]["success_rate"]) == ("completed", 50.0)
    health = await told(client, f"/batches/{batch_id}/health")
    assert health["health_score"] == 85.0
    assert health["metrics"] == {
        "total_chunks": 1,
        "completed_chunks": 1,
        "failed_chunks": 0,
        "total_urls": 10,
        "processed_urls": 10,
        "successful_urls": 5,
        "success_rate": 0.5,
        "completion_rate": 1.0,
    }
    assert health["factors"]["success_rate"] == 50.0
    assert health["recommendations"]
    found = await told(client, f"/batches/{batch_id}/analyze")
    assert found["total_errors"] == found["total_failed_urls"] == 5
    assert sum(found["error_categories"].values()) == 5
    assert sum(error["percentage"] for error in found["top_errors"]) == 100.0
    top = found["top_errors"][0]
    assert (top["error_type"], top["count"], top["percentage"]) == ("http_404", 3, 60.0)
    assert found["url_error_patterns"]["http_404"] == 3
    assert (found["total_failed_chunks"], found["chunk_error_patterns"]) == (0, {})
    assert "Validate URL format" in found["recommendations"]


async def test_failures_of_each_kind_have_their_category(client: httpx.AsyncClient, site: Site) -> None:
    nobody, refusing = f"http://nobody-{uuid4().hex}.invalid/1.jpg", f"http://127.0.0.1:9/{uuid4().hex}.jpg"
    content = batch_csv([bad(site, "status/500/x.jpg"), nobody, refusing, bad(site, "missing.jpg"), "http://"])
    batch_id = await run_batch(client, content)
    found = await told(client, f"/batches/{batch_id}/analyze")
    assert found["error_categories"] == {"network_errors": 3, "invalid_urls": 2, "processing_errors": 0}
    assert found["url_error_patterns"].keys() == {
        "http_500", "dns_failed", "connection_refused", "http_404", "url_invalid",
    }  # fmt: skip
    assert "Check network connectivity" in found["recommendations"]


async def test_a_batch_that_waits_is_well_and_has_no_errors(client: httpx.AsyncClient) -> None:
    batch_id = await create_batch(client, batch_csv(["http://127.0.0.1:9/1.jpg"]), auto_start="false")
    health = await told(client, f"/batches/{batch_id}/health")
    assert (health["health_score"], health["issues"]) == (100.0, [])
    assert health["recommendations"] == ["Batch is performing well"]
    found = await told(client, f"/batches/{batch_id}/analyze")
    assert (found["total_errors"], found["top_errors"], found["recommendations"]) == (0, [], [])
