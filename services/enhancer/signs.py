"""What lines of text in a picture tell of shops: the name on the sign, and whether there is a sign at all.

These are heuristics over sizes and words, not recognition: letters on a sign are large, and signs name their trade.
"""

import re
import statistics
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from services.enhancer.analysis import FIELD_CHARACTERS_MAX
from services.enhancer.contacts import contacts_in

WORD = re.compile(r"[^\W\d_]+")
CONFIDENCE_MIN = 0.6
LETTERS_MIN = 2
TRADE_FACTOR = 1.5  # how much larger a line counts that names a trade
TRADE_HEIGHT_MIN = 0.03  # of the picture's shorter side
SIGN_HEIGHT_MIN, SIGN_WIDTH_MIN = 0.06, 0.2  # of the picture's shorter side, and of its width
SIGN_CHARACTERS_MIN = 3
SIGN_LINES_MAX = 25  # more is a page
SIGN_STANDS_OUT = 1.4  # times the height of the lines about it
SIGN_BOTTOM_MAX = 0.75  # of the picture's height: signs hang above what they are signs of

TRADES = frozenset(
    WORD.findall(
        """
    shop store market supermarket boutique bakery cafe coffee restaurant bistro bar pub grill pizza pizzeria deli diner
    pharmacy drugstore chemist salon barber hairdresser florist flowers butcher grocery groceries bookstore bookshop
    jeweller jewelers jewelry jewellery optician tailor laundry cleaners hardware pawn tobacco liquor wine outlet mall
    gallery hotel hostel kiosk bank dentist clinic garage motors tattoo nails toys shoes fashion furniture
    laden markt supermarkt backerei baeckerei konditorei metzgerei fleischerei apotheke drogerie friseur frisor blumen
    buchhandlung juwelier optiker schneiderei reinigung gasthaus gasthof imbiss kneipe weinhandlung schuhe mode mobel
    boulangerie patisserie pharmacie boucherie epicerie librairie tabac coiffeur fleuriste magasin marche brasserie
    tienda panaderia farmacia carniceria peluqueria floristeria libreria zapateria ferreteria mercado taberna cafeteria
    negozio panificio macelleria ristorante trattoria gelateria parrucchiere mercato tabacchi
    """
    )
)
TRADE_ENDINGS = ("laden", "markt", "backerei", "metzgerei", "apotheke", "shop", "store", "market", "mart", "handlung")
TRADE_CHARACTERS = re.compile("[店铺舗超市药薬餐厅饭馆堂屋]")
NOT_NAMES = frozenset(
    WORD.findall(
        """
    open closed sale welcome exit entrance push pull parking no stop hours opening menu today new free wifi delivery
    offen geschlossen geoffnet offnungszeiten willkommen eingang ausgang ziehen drucken rabatt angebot ab
    ouvert ferme soldes bienvenue entree sortie abierto cerrado rebajas bienvenidos aperto chiuso saldi benvenuti
    """
    )
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and where it is in the picture, in pixels; confidence of 0..1."""

    text: str
    height: float
    width: float
    left: float
    top: float
    confidence: float = 1.0


def words_of_shops(text: str) -> frozenset[str]:
    """Those words of `text` that name a trade, in plain small letters; English and its neighbours, a few characters.

    Heuristic: a word counts when it is in the list, or ends like a compound of one (Blumenladen).
    """
    words = _words(text)
    found = {word for word in words if word in TRADES or word.endswith(TRADE_ENDINGS)}
    return frozenset(found.union(TRADE_CHARACTERS.findall(text)))


def most_prominent_line(lines: Sequence[Line], image_width: int, image_height: int) -> str:
    """The text of the line that is likeliest a shop's name, or nothing.

    Heuristic: the line with the largest letters; one that names a trade counts half as much again, one that is hard
    to read or pushed to the edge counts less. Lines without two letters, of contacts, and those that doors and
    windows say everywhere ("open", "sale") are no names.
    """
    names = [line for line in lines if _may_be_a_name(line)]
    if not names:
        return ""
    best = max(names, key=lambda line: _prominence(line, image_width, image_height))
    return " ".join(best.text.split())[:FIELD_CHARACTERS_MAX]


def looks_like_a_shop_front(lines: Sequence[Line], image_width: int, image_height: int) -> bool:
    """Whether the lines are likely those of a shop's sign.

    Heuristic: either a line of readable size names a trade; or one stands out by its large letters, is as wide as a
    fifth of the picture, does not lie at the bottom, and there is not as much text about as on a page.
    """
    shorter = min(image_width, image_height)
    legible = [line for line in lines if line.confidence >= CONFIDENCE_MIN]
    if not legible or shorter < 1 or len(legible) > SIGN_LINES_MAX:
        return False
    if any(line.height >= TRADE_HEIGHT_MIN * shorter and words_of_shops(line.text) for line in legible):
        return True
    usual = statistics.median(line.height for line in legible)
    return any(
        _may_be_a_name(line)
        and len(line.text) >= SIGN_CHARACTERS_MIN
        and line.height >= SIGN_HEIGHT_MIN * shorter
        and line.width >= SIGN_WIDTH_MIN * image_width
        and line.top + line.height / 2 <= SIGN_BOTTOM_MAX * image_height
        and (len(legible) <= 2 or line.height >= SIGN_STANDS_OUT * usual)
        for line in legible
    )


def _prominence(line: Line, image_width: int, image_height: int) -> float:
    """The height of its letters, weighed."""
    trade = TRADE_FACTOR if words_of_shops(line.text) else 1.0
    return line.height * line.confidence * trade * _centrality(line, image_width, image_height)


def _centrality(line: Line, image_width: int, image_height: int) -> float:
    """1 in the middle of the picture, half as much at a corner."""
    across = abs((line.left + line.width / 2) / max(1, image_width) - 0.5)
    down = abs((line.top + line.height / 2) / max(1, image_height) - 0.5)
    return 1.0 - min(0.5, (across + down) / 2)


def _may_be_a_name(line: Line) -> bool:
    letters = sum(character.isalpha() for character in line.text)
    if letters < LETTERS_MIN or contacts_in(line.text):
        return False
    return not _words(line.text) or not _words(line.text) <= NOT_NAMES


def _words(text: str) -> set[str]:
    """The words of a text in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text[:FIELD_CHARACTERS_MAX].casefold())
    return set(WORD.findall("".join(character for character in plain if not unicodedata.combining(character))))
