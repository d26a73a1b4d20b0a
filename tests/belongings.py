"""Callers who have one of everything, so that made-up requests get past the door with ids and files of theirs."""

from dataclasses import dataclass

import httpx

from deploy.local.stack import Stack
from tests.album_orders import new_album, post_enhance, until_over
from tests.album_uploads import body_of, make_album, picture, upload_images
from tests.batch_builders import batch_csv, create_batch, run_batch, told
from tests.builders import Json, Site, images_of, product_csv, run
from tests.callers import Caller, admin_client, new_caller, new_key

TOKENS = 10_000

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
    """A batch that has ended, one image of which failed, and two that wait to be started."""
    ended = await run_batch(client, batch_csv([site.photo(), site.url + "/missing.jpg"]))
    waiting = [await create_batch(client, batch_csv(site.photos(2)), auto_start="false") for _ in range(2)]
    results = (await told(client, f"/batch/{ended}"))["recent_results"]
    ids = (ended, *waiting)
    return {"batch_id": ids, "batch_ids": ids, "result_id": tuple(str(result["result_id"]) for result in results)}


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
    urls = ("urls.csv", batch_csv([site.photo()]).encode(), "text/csv")
    return {
        "/api/upload": products,
        "/api/images/upload": photo,
        "/api/images/batch-upload": photo,
        "/api/v1/batches": urls,
        "/upload": urls,
    }
