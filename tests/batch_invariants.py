"""What must hold of batches whenever nothing is under way: chunks, problems and results say what the images say."""

from tests.rows import ask

JOBS_WHOSE_COUNTERS_DIFFER = """
    SELECT job_id, state, images_succeeded, images_failed, images_cancelled, items_ended, in_flight, counted.*
    FROM batches JOIN jobs USING (job_id) JOIN (
        SELECT job_id,
               count(*) AS total,
               count(*) FILTER (WHERE state = 'pending') AS pending,
               count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
               count(*) FILTER (WHERE state = 'failed') AS failed,
               count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
               coalesce(sum(source_bytes), 0) AS bytes_in
        FROM images
        GROUP BY job_id
    ) AS counted USING (job_id)
    WHERE (images_total, images_succeeded, images_failed, images_cancelled) <> (total, succeeded, failed, cancelled)
       OR items_ended <> total - pending
       OR in_flight > pending
       OR source_bytes <> bytes_in
"""

CHUNKS_WHOSE_COUNTERS_DIFFER = """
    SELECT chunks.*, counted.*
    FROM chunks JOIN (
        SELECT chunk_id AS id,
               count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
               count(*) FILTER (WHERE state = 'failed') AS failed,
               count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
               count(*) AS total
        FROM chunks JOIN images
             ON images.job_id = chunks.job_id AND seq >= first_seq AND seq < first_seq + images_total
        GROUP BY chunk_id
    ) AS counted ON counted.id = chunk_id
    WHERE (images_succeeded, images_failed, images_cancelled, images_total) <> (succeeded, failed, cancelled, total)
       OR (completed_at IS NULL) <> (succeeded + failed + cancelled < total)
"""

PROBLEMS_THAT_DIFFER = """
    SELECT *
    FROM (SELECT * FROM problem_counts WHERE images > 0) AS told
    FULL JOIN (
        SELECT job_id, problem, count(*) AS found
        FROM images JOIN batches USING (job_id)
        WHERE state = 'failed'
        GROUP BY job_id, problem
    ) AS counted USING (job_id, problem)
    WHERE images IS DISTINCT FROM found
"""

RESULTS_THAT_DIFFER = """
    SELECT image_id, images.state, images.run, results.run AS result_run, success
    FROM batches JOIN images USING (job_id) LEFT JOIN results USING (image_id)
    WHERE images.state IN ('succeeded', 'failed')
      AND (results.run, success) IS DISTINCT FROM (images.run, images.state = 'succeeded')
"""

BATCHES_WHOSE_RESULTS_DIFFER = """
    SELECT batches.job_id, results_succeeded, results_failed, results_store_images, counted.*
    FROM batches LEFT JOIN (
        SELECT job_id, count(*) FILTER (WHERE success) AS succeeded, count(*) FILTER (WHERE NOT success) AS failed,
               count(*) FILTER (WHERE store_image) AS store_images
        FROM results
        GROUP BY job_id
    ) AS counted USING (job_id)
    WHERE (results_succeeded, results_failed, results_store_images)
          <> (coalesce(succeeded, 0), coalesce(failed, 0), coalesce(store_images, 0))
"""

ROWS_WITHOUT_A_BATCH = """
    SELECT job_id FROM chunks WHERE job_id NOT IN (SELECT job_id FROM batches)
    UNION SELECT job_id FROM results WHERE job_id NOT IN (SELECT job_id FROM batches)
    UNION SELECT job_id FROM images WHERE job_id NOT IN (SELECT job_id FROM jobs)
"""

BATCHES_THAT_ARE_TO_BE_REMOVED = "SELECT job_id FROM batches WHERE deleted_at IS NOT NULL"


async def assert_batches_count_their_rows(gateway_url: str) -> None:
    """Nothing that was deleted is left, and every counter of a batch says the same as its rows."""
    for statement in (
        BATCHES_THAT_ARE_TO_BE_REMOVED,
        ROWS_WITHOUT_A_BATCH,
        JOBS_WHOSE_COUNTERS_DIFFER,
        CHUNKS_WHOSE_COUNTERS_DIFFER,
        PROBLEMS_THAT_DIFFER,
        RESULTS_THAT_DIFFER,
        BATCHES_WHOSE_RESULTS_DIFFER,
    ):
        assert await ask(gateway_url, statement) == [], statement
