"""Callers who have one of everything, so that made-up requests get past the door with ids and files of theirs."""

from dataclasses import dataclass

import httpx

from deploy.local.stack import Stack
from tests.album_orders import new_album, post_enhance, until_over
from tests.album_uploads import body_of, make_album, picture, upload_images
from tests.builders import Json, Site, images_of, product_csv, run
from tests.callers import Caller, admin_client, new_caller, new_key
from tests.eventually import eventually

TOKENS = 10_000
BATCH_SECONDS_MAX = 30

Ids = dict[str, tuple[str, ...]]
"""Ids by the name of the parameter or field that takes them. The last ones are for deleting."""


@dataclass(frozen=True)
class Belongings:
    """A caller's headers, and the ids that it may name."""

    headers: dict[str, str]
    ids: Ids


async def belongings_of_all(stack: Stack, site: Site) -> dict[str, Belongings]:
    """An account with everything, nobody (the account `local`), and the operator, who may name the account's."""
    async with await new_caller(stack, tokens=TOKENS) as account, admin_client(stack) as operator:
        ids = await ids_of_requests(account, site) | await ids_of_albums(account) | await ids_of_keys(operator, account)
        ids |= await ids_of_batches(account, site)
        async with httpx.AsyncClient(base_url=stack.urls.gateway, timeout=40, trust_env=False) as nobody:
            own = await ids_of_requests(nobody, site) | await ids_of_batches(nobody, site)
        return {
            "account": Belongings({"X-API-Key": account.key}, ids),
            "nobody": Belongings({}, own),
            "operator": Belongings({"X-API-Key": operator.key}, ids),
        }


async def ids_of_requests(client: httpx.AsyncClient, site: Site) -> Ids:
    """A request of products that has ended, one image of which failed."""
    request_id = await run(client, product_csv([[site.photo(), f"{site.url}/missing.jpg"]]))
    found = [image["output_url"] for image in await images_of(client, request_id)]
    return {"request_id": (request_id,), "filename": tuple(url.rpartition("/")[2] for url in found if url)}


async def ids_of_batches(client: httpx.AsyncClient, site: Site) -> Ids:
    """Batches: one that has ended, one that waits, one that is cancelled, and spare ones."""
    made = [await new_batch(client, site, starts=starts) for starts in (True, False, False, False, False)]
    batches = tuple(str(batch["batch_id"]) for batch in made)
    assert (await client.post(f"/api/v1/batches/{batches[2]}/cancel")).status_code == 200

    async def results() -> list[Json]:
        found: list[Json] = (await client.get(f"/api/v1/batches/{batches[0]}/results")).json()["data"]
        assert len(found) == made[0]["total_urls"]
        return found

    failed = [
        str(result["result_id"]) for result in await eventually(results, BATCH_SECONDS_MAX) if not result["success"]
    ]
    chunks = (await client.get(f"/api/v1/batches/{batches[0]}/chunks")).json()["data"]["chunks"]
    return {
        "batch_id": batches,
        "batch_ids": batches[:3],
        "result_id": tuple(failed),
        "part_id": (*(str(chunk["chunk_id"]) for chunk in chunks), *batches),
        "action": ("pause", "resume", "start", "retry", "cancel", "reset", "delete"),
    }


async def new_batch(client: httpx.AsyncClient, site: Site, *, starts: bool) -> Json:
    """A batch of two images, one of which is missing."""
    file = ("shops.csv", batch_csv(site), "text/csv")
    fields = {"operation": "copy", "chunk_size": "1", "auto_start": str(starts)}
    made = await client.post("/api/v1/batches", files={"file": file}, data=fields)
    assert made.status_code == 201, made.text
    return dict(made.json()["data"]["batch_info"])


def batch_csv(site: Site) -> bytes:
    """A CSV of URLs, with a column that is carried along."""
    return f"url,shop\n{site.photo()},=1+1\n{site.url}/missing.jpg,Bäcker\n".encode()


async def ids_of_albums(client: httpx.AsyncClient) -> Ids:
    """Albums and images, some of them enhanced."""
    album_id, image_ids = await new_album(client, 3)
    jobs = body_of(await post_enhance(client, album_id))["jobs"]
    ended = await until_over(client, jobs[0]["jobId"])
    albums = (album_id, await make_album(client), await make_album(client, await upload_images(client, 1)))
    images = (*image_ids, *await upload_images(client, 2))
    job_ids = tuple(str(job["id"]) for job in ended)
    return {
        "album_id": albums,
        "albumId": albums,
        "image_id": images,
        "imageId": images,
        "imageIds": images,
        "imageOrder": tuple(image_ids),
        "coverImageId": images,
        "job_id": (jobs[0]["jobId"], *job_ids),
        "jobIds": job_ids,
    }


async def ids_of_keys(operator: httpx.AsyncClient, account: Caller) -> Ids:
    """The account as its operator names it, with keys to be revoked."""
    path = f"/api/admin/accounts/{account.account_id}/keys"
    for _ in range(2):
        await new_key(operator, account.account_id)
    listed: list[Json] = (await operator.get(path)).json()["keys"]
    spare = [key for key in listed if not account.key.startswith(key["handle"])]
    return {"account_id": (account.account_id,), "key_id": tuple(str(key["key_id"]) for key in spare)}


def real_files(site: Site) -> dict[str, tuple[str, bytes, str]]:
    """A file for each form that takes one, by its path."""
    photo = ("photo.jpg", picture(), "image/jpeg")
    products = ("products.csv", product_csv([[site.photo()]]).encode(), "text/csv")
    shops = ("shops.csv", batch_csv(site), "text/csv")
    return {
        "/api/v1/batches": shops,
        "/upload": shops,
        "/api/upload": products,
        "/api/images/upload": photo,
        "/api/images/batch-upload": photo,
    }
