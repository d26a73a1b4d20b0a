"""What a recipe means, before any pixel is touched."""

import pytest

from services.enhancer.domain import CompressParams, InvalidRecipe, fingerprint, is_local, plan_rendition
from services.enhancer.engines.enhance import exact_size
from services.enhancer.engines.failures import problem_of_decoder
from services.enhancer.engines.vips import scaled
from services.enhancer.worker_process import cause_of_death
from shared.errors import Permanent, Transient


def compress(**params: object) -> dict[str, object]:
    return {"operation": "compress", "provider": "local", "params": params}


def enhance(**params: object) -> dict[str, object]:
    return {"operation": "enhance", "provider": "local", "params": params}


def test_compress_defaults_to_the_products_door() -> None:
    assert CompressParams().model_dump() == {"quality": 50, "format": "jpeg", "max_side": None}


def test_a_plan_spells_every_default_out() -> None:
    assert plan_rendition(compress(max_side=9)) == ("compress", {"quality": 50, "format": "jpeg", "max_side": 9})
    assert plan_rendition({"operation": "compress"})[1] == CompressParams().model_dump()


@pytest.mark.parametrize(
    "params",
    [{"quality": 0}, {"quality": 101}, {"quality": "good"}, {"format": "gif"}, {"max_side": 0}, {"max_side": -1}]
    + [{"max_side": 1_000_000}, {"qualty": 50}],
)
def test_invalid_params_are_refused_by_name(params: dict[str, object]) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        plan_rendition(compress(**params))
    assert next(iter(params)) in caught.value.detail


def test_enhance_takes_a_side_and_a_quality() -> None:
    assert plan_rendition(enhance(side=1024)) == ("enhance", {"side": 1024, "quality": 95})


@pytest.mark.parametrize("params", [{}, {"side": 0}, {"side": 4_097}, {"side": 9, "quality": 0}, {"side": 9, "max": 1}])
def test_enhance_refuses_what_it_cannot_make(params: dict[str, object]) -> None:
    with pytest.raises(InvalidRecipe):
        plan_rendition(enhance(**params))


@pytest.mark.parametrize("recipe", [{}, {"operation": "copy"}, {"operation": "os.system"}])
def test_unknown_operations_are_refused(recipe: dict[str, object]) -> None:
    with pytest.raises(InvalidRecipe):
        plan_rendition(recipe)


def test_equal_recipes_share_a_fingerprint_however_they_are_written() -> None:
    written = [compress(), compress(quality=50), compress(format="jpeg", quality=50), {"operation": "compress"}]
    assert len({fingerprint(recipe) for recipe in written}) == 1
    written = [enhance(side=9), enhance(quality=95, side=9), {"operation": "enhance", "params": {"side": 9}}]
    assert len({fingerprint(recipe) for recipe in written}) == 1


def test_every_difference_changes_the_fingerprint() -> None:
    different = [
        compress(),
        compress(quality=51),
        compress(format="webp"),
        compress(max_side=100),
        enhance(side=1024),
        enhance(side=2048),
        enhance(side=1024, quality=94),
        {"operation": "enhance", "provider": "autoenhance", "params": {}},
        {"operation": "enhance", "provider": "openai", "params": {}},
        {"operation": "enhance", "provider": "openai", "params": {"sky": True}},
        {"operation": "copy"},
    ]
    assert len({fingerprint(recipe) for recipe in different}) == len(different)


def test_fingerprints_are_stable_over_releases() -> None:
    assert fingerprint(compress()) == "4d1f5b96f845f37213b661f224f257a8"
    assert fingerprint(enhance(side=1024)) == "410b12c70a699d821d59e44a69d149c9"


def test_the_local_engine_knows_its_own_recipes() -> None:
    assert is_local(compress())
    assert is_local(enhance(side=1024))
    assert not is_local({"operation": "enhance", "provider": "openai"})
    assert not is_local({"operation": "copy"})


@pytest.mark.parametrize(
    ("size", "max_side", "wanted"),
    [
        ((100, 50), None, None),
        ((100, 50), 100, None),
        ((100, 50), 101, None),
        ((100, 50), 50, (50, 25)),
        ((50, 100), 10, (5, 10)),
        ((10_000, 10), 100, (100, 1)),
        ((3, 2), 1, (1, 1)),
    ],
)
def test_scaling_keeps_the_shape_and_never_enlarges(
    size: tuple[int, int], max_side: int | None, wanted: tuple[int, int] | None
) -> None:
    assert scaled(*size, max_side) == wanted


@pytest.mark.parametrize(
    ("size", "side", "wanted"),
    [
        ((3000, 2000), 1024, (1024, 683)),
        ((2000, 3000), 1024, (683, 1024)),
        ((30, 20), 1024, (1024, 683)),
        ((1024, 768), 1024, (1024, 768)),
        ((500, 500), 2048, (2048, 2048)),
        ((10_000, 1), 1024, (1024, 1)),
        ((1, 10_000), 4096, (1, 4096)),
        ((2_048, 5), 1024, (1024, 3)),
        ((1, 1), 1, (1, 1)),
    ],
)
def test_an_enhanced_picture_has_exactly_the_side_that_was_asked_for(
    size: tuple[int, int], side: int, wanted: tuple[int, int]
) -> None:
    assert exact_size(*size, side) == wanted


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("VipsJpeg: premature end of JPEG image", "truncated"),
        ("pngload: libspng read error", "truncated"),
        ("tiff2vips: bad seek to 813228", "truncated"),
        ("VipsJpeg: Insufficient memory (case 4)", "out_of_memory"),
        ("vips_tracked: out of memory --- size == 48MB", "out_of_memory"),
        ("gifload: Invalid frame data", "decode_failed"),
    ],
)
def test_the_words_of_decoders_are_read_as_problems(words: str, problem: str) -> None:
    named = problem_of_decoder(words)
    assert isinstance(named, Permanent)
    assert named.problem == problem


def test_a_full_disk_is_worth_another_attempt() -> None:
    assert isinstance(problem_of_decoder("write error: No space left on device"), Transient)


@pytest.mark.parametrize(
    ("code", "last_words", "kind", "problem"),
    [
        (-11, "", Permanent, "decode_failed"),
        (-6, "malloc(): corrupted top size", Permanent, "decode_failed"),
        (-5, "GLib-ERROR **: failed to allocate 48000000 bytes", Permanent, "out_of_memory"),
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'", Permanent, "out_of_memory"),
        (1, "MemoryError", Permanent, "out_of_memory"),
        (-24, "", Permanent, "decode_timeout"),
        (-9, "", Transient, "out_of_memory"),
        (-15, "", Transient, "out_of_memory"),
    ],
)
def test_the_end_of_a_worker_names_its_problem(code: int, last_words: str, kind: type, problem: str) -> None:
    cause = cause_of_death(code, last_words)
    assert isinstance(cause, kind)
    assert cause.problem == problem
