"""The enhancer's SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.events import Event
from shared.facts import Analysis, Blob
from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class Rendition:
    """A recipe applied to a source's content."""

    source_digest: str
    fingerprint: str
    blob: Blob


@dataclass(frozen=True, slots=True)
class AnalysisKey:
    """What an analysis is of and how it is made; the digest and the fingerprint in hex."""

    account_id: str
    source_digest: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KeptAnalysis:
    """What an analyser found."""

    key: AnalysisKey
    analysis: Analysis
    provider: str
    model: str


async def find_renditions(connection: Connection, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Blob]:
    """Of these pairs of source digest and fingerprint, what was made already."""
    rows = await connection.fetch(
        """
        SELECT encode(source_digest, 'hex') AS source_digest, encode(fingerprint, 'hex') AS fingerprint, rendition
        FROM renditions
        JOIN unnest($1::bytea[], $2::bytea[]) AS wanted (source_digest, fingerprint)
             USING (source_digest, fingerprint)
        """,
        [bytes.fromhex(digest) for digest, _ in wanted],
        [bytes.fromhex(fingerprint) for _, fingerprint in wanted],
    )
    return {(row["source_digest"], row["fingerprint"]): Blob.model_validate_json(row["rendition"]) for row in rows}


async def insert_renditions(connection: Connection, renditions: Sequence[Rendition]) -> Sequence[Event]:
    """Remember what was made; the first one stands."""
    ordered = sorted(renditions, key=lambda rendition: (rendition.source_digest, rendition.fingerprint))
    await connection.execute(
        """
        INSERT INTO renditions (source_digest, fingerprint, rendition)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::jsonb[])
        ON CONFLICT DO NOTHING
        """,
        [bytes.fromhex(rendition.source_digest) for rendition in ordered],
        [bytes.fromhex(rendition.fingerprint) for rendition in ordered],
        [rendition.blob.model_dump_json() for rendition in ordered],
    )
    return ()


async def find_analyses(connection: Connection, wanted: Sequence[AnalysisKey]) -> dict[AnalysisKey, KeptAnalysis]:
    """Of these, what was analysed already."""
    rows = await connection.fetch(
        """
        SELECT
            account_id, encode(source_digest, 'hex') AS source_digest, encode(fingerprint, 'hex') AS fingerprint,
            analysis, provider, model
        FROM analyses
        JOIN unnest($1::text[], $2::bytea[], $3::bytea[]) AS wanted (account_id, source_digest, fingerprint)
             USING (account_id, source_digest, fingerprint)
        """,
        [key.account_id for key in wanted],
        [bytes.fromhex(key.source_digest) for key in wanted],
        [bytes.fromhex(key.fingerprint) for key in wanted],
    )
    kept = [
        KeptAnalysis(
            AnalysisKey(row["account_id"], row["source_digest"], row["fingerprint"]),
            Analysis.model_validate_json(row["analysis"]),
            row["provider"],
            row["model"],
        )
        for row in rows
    ]
    return {analysis.key: analysis for analysis in kept}


async def insert_analyses(connection: Connection, analyses: Sequence[KeptAnalysis]) -> Sequence[Event]:
    """Remember what was found; the first one stands."""
    ordered = sorted(analyses, key=lambda each: (each.key.account_id, each.key.source_digest, each.key.fingerprint))
    await connection.execute(
        """
        INSERT INTO analyses (account_id, source_digest, fingerprint, analysis, provider, model)
        SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::jsonb[], $5::text[], $6::text[])
        ON CONFLICT DO NOTHING
        """,
        [each.key.account_id for each in ordered],
        [bytes.fromhex(each.key.source_digest) for each in ordered],
        [bytes.fromhex(each.key.fingerprint) for each in ordered],
        [each.analysis.model_dump_json() for each in ordered],
        [each.provider for each in ordered],
        [each.model for each in ordered],
    )
    return ()
