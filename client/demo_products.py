"""What the demo submits: products with drawn photographs, and among them images that cannot succeed. Pure."""

import csv
import io
from dataclasses import dataclass
from itertools import cycle, islice

COLUMNS = ("S. No.", "Product Name", "Input Image Urls")
PRODUCTS = 24
IMAGES_PER_PRODUCT = 3
NAMES = ("Oak chair", "Walnut table", "Café stool", "Reading lamp", "Wool rug", "Book shelf", "Mirror", "Sofa")
FINISHES = ("natural", "red", "black")


@dataclass(frozen=True)
class Broken:
    """An image that is bad on purpose: `path` at the origin, or an address elsewhere; the `problem` that it must be."""

    path: str
    problem: str


@dataclass(frozen=True)
class Product:
    """A line of the CSV; problems: by URL, for those that are bad on purpose."""

    serial: int
    name: str
    urls: tuple[str, ...]


@dataclass(frozen=True)
class DemoSet:
    """All products, and which of their URLs must fail with which problem."""

    products: tuple[Product, ...]
    problems: dict[str, str]

    @property
    def good_urls(self) -> list[str]:
        """The URLs of the images that must succeed."""
        return [url for product in self.products for url in product.urls if url not in self.problems]

    @property
    def images(self) -> int:
        """How many images there are in all."""
        return sum(len(product.urls) for product in self.products)

    def to_csv(self) -> str:
        """The file that is uploaded: several URLs stand in one quoted field."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((each.serial, each.name, ",".join(each.urls)) for each in self.products)
        return text.getvalue()


BROKEN = (
    Broken("/missing.jpg", "http_404"),
    Broken("/broken.jpg", "truncated"),
    Broken("/not-an-image.jpg", "not_an_image"),
    Broken("/empty.jpg", "empty_body"),
    Broken("/drawing.svg", "unsupported_format"),
    Broken("/huge.jpg?declared=1", "too_large"),
    Broken("/status/403/private.jpg", "http_403"),
    Broken("http://169.254.169.254/latest/meta-data/photo.jpg", "address_forbidden"),
)

# Pixel for pixel the same in every run, but a different file: so nothing is drawn twice, and nothing found again.
STAMPED = (
    "/photos/1-1600x1200.jpg?variant={mark}",
    "/photos/2-1200x1600.jpg?variant={mark}",
    "/photos/3-1920x1080.jpg?variant={mark}",
    "/photos/4-800x800.jpg?variant={mark}",
    "/photos/5-1024x768.png?variant={mark}",
    "/photos/6-2048x1365.jpg?variant={mark}",
    "/photos/7-1280x960.jpg?orientation=6&variant={mark}",
    "/photos/8-640x480.png?transparent=1&variant={mark}",
    "/redirect/2/photos/4-800x800.jpg?variant={mark}",
    "/photos/9-1500x1000.jpg?quality=95&variant={mark}",
)
# These can't be stamped: one of each is drawn anew in every run, and found under several URLs.
DRAWN = ("/photos/{run}-1280x853.webp?copy={mark}", "/photos/{run}-480x320.gif?copy={mark}")
DRAWN_EVERY = 8
UNSTEADY = "/flaky/1/photos/4-800x800.jpg?retry_after=1&variant={mark}"
"""Refuses the first request, and is fetched by the second."""


def make_demo_set(origin_url: str, run: int) -> DemoSet:
    """The demo's products with images at this origin; another run (a number) has the same pictures as other files."""
    bad = {_at(origin_url, broken.path): broken.problem for broken in BROKEN}
    good = iter(_good_paths(run, PRODUCTS * IMAGES_PER_PRODUCT - len(bad)))
    waiting = iter(bad)
    products = []
    for serial in range(1, PRODUCTS + 1):
        urls = [_at(origin_url, path) for path in islice(good, IMAGES_PER_PRODUCT - (serial % 3 == 0))]
        urls += islice(waiting, IMAGES_PER_PRODUCT - len(urls))
        products.append(Product(serial, _name(serial), tuple(urls)))
    return DemoSet(tuple(products), bad)


def _good_paths(run: int, count: int) -> list[str]:
    stamped, drawn = cycle(STAMPED), cycle(DRAWN)
    paths = [
        (next(drawn) if number % DRAWN_EVERY == 0 else next(stamped)).format(mark=f"{run}-{number}", run=run)
        for number in range(1, count)
    ]
    return [*paths, UNSTEADY.format(mark=f"{run}-0")]


def _at(origin_url: str, path: str) -> str:
    return path if path.startswith("http") else origin_url + path


def _name(serial: int) -> str:
    """Names as shops have them: with a comma, which the CSV must quote."""
    return f"{NAMES[serial % len(NAMES)]}, {FINISHES[serial // len(NAMES) % len(FINISHES)]}"
