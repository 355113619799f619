"""Intake: what stations send becomes receipts, receipts become reading attempts. Pixel-free; the web process runs it.

Owns stations, batches, receipts until a reader takes them, and attempts. A reply here means that bytes and row are on
the disk (law 4). It never opens a picture: that is a reader's work, given out by `dispatch` and watched by `sweep`.
"""

from scanner.intake.arriving import ArrivingFrame, ReceiptView
from scanner.intake.attempts import dispatch, sweep
from scanner.intake.batches import MOST_FRAMES, BatchView, batch_view, close_batch, open_batch
from scanner.intake.counts import BatchCount, Conservation, conservation, counts
from scanner.intake.gate import Gate
from scanner.intake.imprints import ImprintFault, imprint_gaps
from scanner.intake.lost import give_back_running
from scanner.intake.rates import Rates
from scanner.intake.receive import receive
from scanner.intake.scanned import Scanned, papers_scanned, say_scanned
from scanner.intake.stations import KnownStations, StationView, register_station, revoke_station, station_of
from scanner.intake.turn import take_turn

__all__ = [
    "MOST_FRAMES",
    "ArrivingFrame",
    "BatchCount",
    "BatchView",
    "Conservation",
    "Gate",
    "ImprintFault",
    "KnownStations",
    "Rates",
    "ReceiptView",
    "Scanned",
    "StationView",
    "batch_view",
    "close_batch",
    "conservation",
    "counts",
    "dispatch",
    "give_back_running",
    "imprint_gaps",
    "open_batch",
    "papers_scanned",
    "receive",
    "register_station",
    "revoke_station",
    "say_scanned",
    "station_of",
    "sweep",
    "take_turn",
]
