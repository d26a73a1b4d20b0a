"""What the ids in paths, queries and bodies name, for those who try them with other callers' keys."""

from tests.album_builders import Json

PATH_KINDS = {
    "/api/albums/": "album",
    "/api/images/": "image",
    "/api/jobs/": "job",
    "/api/status/": "request",
    "/api/details/": "request",
    "/api/download/": "request",
    "/api/retry/": "request",
    "/api/webhooks/": "request",
    "/api/image/": "file",
    "/api/v1/batch/": "batch",
    "/api/v1/batches/": "batch",
    "/api/v1/export/batch/": "batch",
    "/api/v1/results/": "result",
    "/export/batch/": "batch",
    "/batch/": "action",
    "/batch/{}/": "batch",
    "/batch/bulk/": "action",
    "/admin/batch/": "batch",
    "/admin/batch/{}/": "action",
    "/admin/job/": "batch",
    "/api/v1/export/files/": "export",
    "/api/admin/accounts/": "account",
    "/api/admin/keys/": "key",
    "/api/admin/accounts/{}/keys/": "key",
}
"""What a path's parameter names, by the path before it."""

FIELD_KINDS = {
    "albumId": "album",
    "coverImageId": "image",
    "imageId": "image",
    "imageIds": "image",
    "imageOrder": "image",
    "jobIds": "job",
    "account_id": "account",
    "batch_id": "batch",
    "batch_ids": "batch",
}
"""The same for fields of queries and bodies."""

ACTION = "pause"
"""What is done where a path's parameter says so."""

NOT_OURS = {"pipelineId"}  # kept for the caller, leads to nothing

FIELDS: dict[str, Json] = {
    "PATCH /api/albums/{}": {"name": "Taken over"},
    "POST /api/albums/{}/enhance": {"tier": "TIER_1K"},
    "POST /api/v1/batches/{}/clone": {"new_name": "Taken over"},
    "POST /api/images/enhance": {"tier": "TIER_1K"},
    "POST /api/images/batch-enhance": {"tier": "TIER_1K"},
    "POST /api/admin/accounts/{}/grants": {"amount": 5, "reason": "bonus"},
}
"""What else a body needs to be looked at."""

FILES = {"POST /api/images/upload": "file", "POST /api/images/batch-upload": "files"}
"""The field for the picture of a form."""

FORBIDDEN = {
    "POST /api/albums/{}/enhance",
    "PATCH /api/albums/{}",
    "DELETE /api/albums/{}",
    "POST /api/albums/{}/images",
    "DELETE /api/albums/{}/images",
    "PATCH /api/albums/{}/images",
    "DELETE /api/images/{}",
}
"""Where the door says 403 of what is another's, and 404 of what is not there."""
