"""Data in: captured files as streams of slices, and what their quality is."""

from aurora.capture.catalogue.catalogue import Catalogue
from aurora.capture.catalogue.conversion import Conversion
from aurora.capture.catalogue.reading import CatalogueReader
from aurora.capture.catalogue.tables import LEVELS, MESSAGE_KINDS, MESSAGES
from aurora.capture.catalogue.verification import Verification
from aurora.capture.cross_check import CrossCheck, cross_check
from aurora.capture.files import CaptureReader, CaptureSet, content_hash, expand_paths, is_synthetic
from aurora.capture.hftbacktest import HftbacktestExport, write_hftbacktest
from aurora.capture.info import capture_info
from aurora.capture.quality import QualityReport, grade
from aurora.capture.settings import CaptureSettings, InstrumentOverride

__all__ = [
    "LEVELS",
    "MESSAGES",
    "MESSAGE_KINDS",
    "CaptureReader",
    "CaptureSet",
    "CaptureSettings",
    "HftbacktestExport",
    "CrossCheck",
    "InstrumentOverride",
    "QualityReport",
    "Catalogue",
    "CatalogueReader",
    "Conversion",
    "Verification",
    "capture_info",
    "content_hash",
    "cross_check",
    "expand_paths",
    "grade",
    "is_synthetic",
    "write_hftbacktest",
]
