"""Files of batches, clones and deletions through the whole system: every service, the broker, real images."""

import csv
import io
import json
import zipfile

import httpx
import openpyxl

from tests.batch_builders import run_batch, until_batch_ended
from tests.builders import Site

PICTURES = 3


def shops(site: Site) -> str:
    """A CSV of pictures that are there and one that is not, with columns beside the URL."""
    urls = [*site.photos(PICTURES), f"{site.url}/missing.jpg"]
    return "url,city,success\n" + "".join(f"{url},=city {seq},{seq}\n" for seq, url in enumerate(urls))


async def test_every_format_tells_the_same(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await run_batch(client, shops(site), batch_name="Shops")
    files = {}
    for format in ("csv", "json", "xlsx"):
        answer = await client.get(f"/api/v1/export/batch/{batch_id}", params={"format": format})
        assert answer.status_code == 200, answer.text
        files[format] = answer.content
    table = files["csv"].decode()
    told_by_csv = list(csv.DictReader(io.StringIO(table[table.index("url,success") :], newline="")))
    told_by_json = json.loads(files["json"])["results"]
    sheet = openpyxl.load_workbook(io.BytesIO(files["xlsx"]))["Results"]
    told_by_xlsx = list(sheet.iter_rows(min_row=2, values_only=True))
    assert len(told_by_csv) == len(told_by_json) == len(told_by_xlsx) == PICTURES + 1
    for line, result, cells in zip(told_by_csv, told_by_json, told_by_xlsx, strict=True):
        assert line["url"] == result["url"] == cells[0]
        assert (line["success"], cells[1]) == (("Yes", "Yes") if result["success"] else ("No", "No"))
        assert line["created_at"] == result["created_at"] == cells[9]
        assert line["city"] == "'" + result["columns"]["city"] == "'" + str(cells[11])
        assert line["input_success"] == result["columns"]["input_success"] == cells[12]
    assert sorted(result["error_message"] or "" for result in told_by_json)[-1].startswith("http_404: ")


async def test_a_clone_has_its_originals_results_also_when_that_is_deleted(
    client: httpx.AsyncClient, site: Site
) -> None:
    original = await run_batch(client, shops(site))
    body = {"new_name": "Again", "copy_results": True}
    answer = await client.post(f"/api/v1/batches/{original}/clone", json=body)
    cloned = answer.json()["data"]
    assert cloned["results_copied"] == PICTURES + 1, answer.text
    assert (await client.delete(f"/api/v1/batches/{original}")).status_code == 200
    clone = cloned["new_batch_id"]
    answer = await client.get(f"/api/v1/export/batch/{clone}", params={"format": "json"})
    results = json.loads(answer.content)["results"]
    assert {result["batch_id"] for result in results} == {clone}
    assert sorted(result["columns"]["city"] for result in results) == [f"=city {seq}" for seq in range(PICTURES + 1)]


async def test_several_batches_are_a_bundle_and_a_further_run_replaces_results(
    client: httpx.AsyncClient, site: Site
) -> None:
    batches = [await run_batch(client, shops(site), batch_name=f"Shops {number}") for number in range(2)]
    answer = await client.post(f"/api/v1/batches/{batches[0]}/retry", params={"only": "failed"})
    assert answer.status_code in (200, 202), answer.text
    await until_batch_ended(client, batches[0])
    answer = await client.post("/api/v1/export/batches/multiple", json={"batch_ids": [*batches, "nonsense"]})
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert [archive.read(name).count(b"\r\n") for name in names[:2]] == [8 + PICTURES + 1] * 2
    assert names[2:] == ["ERROR_nonsense.txt", "export_summary.txt"]
