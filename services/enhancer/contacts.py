"""Phone numbers, mail and web addresses in text that was read from pictures.

These are heuristics: text on signs keeps to no grammar, and readers of pictures put blanks where none are. Every
repetition is bounded and its parts begin with different characters, so time grows with the text's length and no faster.
"""

import re
import unicodedata

from services.enhancer.analysis import FIELD_CHARACTERS_MAX, TEXT_CHARACTERS_MAX

SEPARATOR = ", "
PHONE_DIGITS_MIN, PHONE_DIGITS_MAX = 7, 15
LABELLED_DIGITS_MIN = 4
UNBROKEN_DIGITS_MAX = 11  # more without a blank is a bar code
ENDINGS = (
    "com|net|org|info|biz|shop|store|online|site|app|io|eu|de|at|ch|fr|es|it|nl|be|lu|uk|ie|us|ca|au|nz|pl|cz|sk|hu"
    "|dk|se|no|fi|pt|gr|ro|tr|ru|ua|in|cn|jp|kr|hk|tw|sg|my|id|th|vn|br|mx|ar|cl|co|za|ng|ke|eg|ae|il"
)
LABELS = (
    "telephone|telefono|telefon|phone|fono|fon|tel|fax|mobile|mobil|mob|handy|cell|call|whatsapp|hotline|ph|電話|电话"
)

CONTACT = re.compile(
    r"(?<![a-z0-9._%+-])(?P<mail>[a-z0-9._%+-]{1,64} ?@ ?[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4})"
    r"|(?P<web>https?://[^\s<>\"'(),;]{3,200}"
    r"|(?<![a-z0-9.-])www\. ?[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4}(?:/[^\s<>\"'(),;]{0,200})?"
    rf"|(?<![a-z0-9@.-])(?:[a-z0-9-]{{2,63}}\.){{1,4}}(?:{ENDINGS})(?![a-z0-9@-])(?:/[^\s<>\"'(),;]{{0,200}})?)"
    rf"|(?<![a-z0-9])(?P<label>(?:{LABELS})[ .:]{{0,3}})?(?<!\d[.,:/-])(?<!\d)"
    r"(?P<phone>(?:\+ ?)?\(?\d(?:[ ()./-]{0,3}\d){3,17})(?![\d%]|[.,:]\d)",
    re.IGNORECASE | re.ASCII,
)
LOOKS_OTHERWISE = re.compile(
    r"\d{1,4}([./-])\d{1,2}\1\d{1,4}"  # a date
    r"|(?:(?:19|20)\d\d[ ./-]{0,3}){2,4}"  # years
    r"|\d{1,3}(?:\.\d{3})+"  # a number with its thousands apart
    r"|(?:\d{1,3}\.){3}\d{1,3}"  # a network address
    r"|(\d) ?(?:\2 ?)+"  # a row of one digit
)


def contacts_in(text: str) -> str:
    """The phone numbers, mail and web addresses in `text`, in its order, each once, joined with ", ".

    Heuristics: an address without www. needs one of the common endings; a number has 7 to 15 digits (4 behind a word
    like "Tel."), and is no date, year, price or bar code. As many as fit into 1,000 characters.
    """
    plain = unicodedata.normalize("NFKC", text[:TEXT_CHARACTERS_MAX])
    contacts: dict[str, str] = {}
    characters = -len(SEPARATOR)
    for found in CONTACT.finditer(plain):
        contact = _contact(found)
        if not contact or (key := _key(contact)) in contacts:
            continue
        characters += len(SEPARATOR) + len(contact)
        if characters > FIELD_CHARACTERS_MAX:
            break
        contacts[key] = contact
    return SEPARATOR.join(contacts.values())


def _contact(found: re.Match[str]) -> str:
    """The contact as it is written down, or nothing when it is none after all."""
    if found["phone"] is None:
        return (found["mail"] or found["web"]).replace(" ", "").rstrip(".:!?-")
    number = " ".join(found["phone"].split())
    return number if _is_phone(number, labelled=found["label"] is not None) else ""


def _is_phone(number: str, *, labelled: bool) -> bool:
    digits = sum(character.isdigit() for character in number)
    if digits > PHONE_DIGITS_MAX or number.count("(") != number.count(")"):
        return False
    if labelled:
        return digits >= LABELLED_DIGITS_MIN
    if digits < PHONE_DIGITS_MIN or LOOKS_OTHERWISE.fullmatch(number):
        return False
    return not number.isdigit() or digits <= UNBROKEN_DIGITS_MAX


def _key(contact: str) -> str:
    """Equal for contacts that are written differently."""
    if any(character.isalpha() for character in contact):
        return contact.casefold()
    return "".join(character for character in contact if character.isdigit())
